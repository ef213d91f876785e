# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking an installed Hermes, through its own Python, as the owner of its home.

What comes back is a user's word: it is checked for its form here and is no reason to trust anything.
"""

from __future__ import annotations

import json

from .._host import command, display
from .._host.errors import HermesError, RunError

MAX_ANSWER = 8 << 20


def ask(python, home, user_name, request, timeout=30.0, managed_dir=None):
    """The answer (dict) of helper to ``request``: run by ``python`` as user ``user_name`` with HERMES_HOME ``home``."""
    # Seldom needed, and long.
    from . import helper

    source = helper.__loader__.get_source(helper.__name__)
    env = {"HERMES_HOME": home}
    if managed_dir:
        env["HERMES_MANAGED_DIR"] = managed_dir
    try:
        # -I: no PYTHON* variables and nothing from the user's own site folder; -B: no __pycache__ is left behind.
        done = command.run(
            [python, "-I", "-B", "-c", source],
            user=command.account(user_name),
            env=env,
            stdin=json.dumps(request),
            timeout=timeout,
        )
    except RunError as exc:
        raise HermesError(str(exc).replace(source, "..."), broken=True) from exc
    try:
        if len(done.out) > MAX_ANSWER:
            raise ValueError("too long")
        answer = json.loads(done.out)
        if not isinstance(answer, dict):
            raise ValueError("no object")
    except (ValueError, RecursionError) as exc:
        lines = display.printable(done.err, 4000, keep="\n").strip().splitlines()
        raise HermesError(
            "%s gave no usable answer (exit code %d): %s"
            % (python, done.rc, lines[-1][:200] if lines else "nothing"),
            broken=True,
        ) from exc
    if "error" in answer:
        raise HermesError(
            display.printable(str(answer["error"]), 1000, keep="\n"),
            broken=answer.get("broken") is True,
        )
    return answer


def probe(python, home, user_name, keys=(), timeout=30.0, managed_dir=None):
    """What the Hermes of ``python`` is and has in effect in ``home``: a dict of

    ``version``, ``provider``, ``model`` (str or None); ``channels`` (sorted list of str); ``managed_support`` (bool);
    ``managed_dir`` (str or None); and by each dotted key of ``keys``: ``config`` (the value in effect, the managed scope
    and the defaults included), ``reads`` (whether this version reads it) and ``live`` (whether without a restart).
    """
    answer = ask(python, home, user_name, {"do": "probe", "keys": list(keys)}, timeout, managed_dir)
    texts = {
        name: _text(answer.get(name)) for name in ("version", "provider", "model", "managed_dir")
    }
    by_key = {
        name: answer.get(name) if isinstance(answer.get(name), dict) else {}
        for name in ("config", "reads", "live")
    }
    channels = answer.get("channels")
    return dict(
        texts,
        channels=sorted(filter(None, map(_text, channels[:100])))
        if isinstance(channels, list)
        else [],
        managed_support=answer.get("managed_support") is True,
        config={key: by_key["config"].get(key) for key in keys},
        reads={key: by_key["reads"].get(key) is True for key in keys},
        live={key: by_key["live"].get(key) is True for key in keys},
    )


def _text(value):
    return display.printable(value, 200) or None if isinstance(value, str) else None
