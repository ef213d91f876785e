# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks up user accounts and the runtime directory of a user's systemd."""

from __future__ import annotations

import functools
import os
import pwd

from .errors import RunError

# Contains a directory, named by uid, for each user who is logged in or lingers.
USER_RUNTIME = "/run/user"


# A check looks up the same few users repeatedly.
@functools.lru_cache(maxsize=None)
def named(name: str) -> pwd.struct_passwd:
    """The passwd entry of user ``name``; RunError if the user does not exist."""
    try:
        return pwd.getpwnam(name)
    except KeyError as exc:
        raise RunError("user %r does not exist on this host" % name) from exc


def runtime(uid: int) -> str:
    """The runtime directory of user ``uid`` (XDG_RUNTIME_DIR)."""
    return os.path.join(USER_RUNTIME, str(uid))
