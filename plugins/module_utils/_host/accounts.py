# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account of a user, and the directory in which its systemd has its files."""

from __future__ import annotations

import functools
import os
import pwd

from .errors import RunError

# A directory of each user who is logged in or lingers, by uid.
USER_RUNTIME = "/run/user"


# A check asks for the same few users again and again.
@functools.lru_cache(maxsize=None)
def named(name: str) -> pwd.struct_passwd:
    """The passwd entry of user ``name``; RunError if the user does not exist."""
    try:
        return pwd.getpwnam(name)
    except KeyError as exc:
        raise RunError("user %r does not exist on this host" % name) from exc


def runtime(uid: int) -> str:
    """The directory of the user's own systemd and of what it runs; XDG_RUNTIME_DIR."""
    return os.path.join(USER_RUNTIME, str(uid))
