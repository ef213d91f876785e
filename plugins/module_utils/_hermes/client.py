# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking an installed Hermes, through its own Python, as the owner of its home.

What comes back is a user's word: its form is checked here, and nothing else of it is trusted.
"""

from __future__ import annotations

import json
import os

from .._host import accounts, command, confined, display, json_text
from .._host.errors import HermesError, RunError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Protocol

    class Owned(Protocol):
        """What belongs to one user: a Gateway, the Settings of one, or what is left of one."""

        @property
        def python(self) -> str | None: ...
        @property
        def home(self) -> str: ...
        @property
        def user(self) -> str: ...


ROOT = 0
# Bytes: two texts of at most 1 MiB each, before and after, as JSON.
MAX_ANSWER = 8 << 20
# Of a probe: some names, and a value for each key.
MAX_PROBE = 64 << 10
# What a text must not have once another one is in front of it.
FUTURE = "from __future__ import annotations\n"
IMPORTS = "from .source_files import paths\nfrom .yaml_edit import YamlError, edit, get, parse\n"
# From Hermes 0.22 on its packages may be where its Python does not look by itself. Its bootstrap
# finds them, given the root of its sources; what that prints must not end up in the answer.
BOOTSTRAP = """\
import contextlib, sys
sys.path.insert(0, %r)
with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(Exception):
    import hermes_bootstrap
"""
# Code may begin with ``from __future__``, which must come first: it is compiled separately.
EXECUTE = "exec(compile(%r, '<string>', 'exec', 0, True))\n"
RUN_MODULE = "import runpy\nrunpy.run_module(%r, run_name='__main__', alter_sys=True)\n"
# Nothing that is asked may make Hermes install anything.
ENVIRONMENT = {"HERMES_DISABLE_LAZY_INSTALLS": "1"}
# Seconds. Importing Hermes takes up to ten on a busy machine.
TIMEOUT = 30.0


def run_python(
    gateway: Owned,
    arguments: list[str],
    stdin: str | None = None,
    env: dict[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> command.Result:
    """Run the Python of the gateway's Hermes with ``arguments``, as the owner of its home.

    ``arguments`` begin with "-c" and code, or with "-m" and a module. HERMES_HOME is in its
    environment, and ``env`` on top of it. It has limits of its own, and nothing that it starts is
    left running: see confined. Raises RunError if it cannot be started, does not end in time or
    prints more than MAX_ANSWER, and if it would be run as root although someone else can write it.
    """
    return _run(gateway, arguments, stdin, env, command.Limits(timeout, MAX_ANSWER))


def _run(
    gateway: Owned,
    arguments: list[str],
    stdin: str | None,
    env: dict[str, str] | None,
    limits: command.Limits,
) -> command.Result:
    """As run_python: the only place from which code of a home is started."""
    if not gateway.python:
        raise RunError("the Python of the gateway with the home %s is not known" % gateway.home)
    user = accounts.named(gateway.user)
    if user.pw_uid == ROOT:
        why = not_as_root(gateway)
        if why is not None:
            raise RunError("the gateway runs as root, so its Python is not asked: %s" % why)
    # -I: no PYTHON* variables, nothing from the user's own site directory. -B: no __pycache__.
    words = ["-I", "-B", *_bootstrapped(arguments, getattr(gateway, "root", None))]
    return confined.run_within(
        [gateway.python, *words],
        user,
        {"HERMES_HOME": gateway.home, **ENVIRONMENT, **(env or {})},
        stdin,
        limits,
    )


def not_as_root(gateway: Owned) -> str | None:
    """Why root must not run the Python of the gateway's Hermes, or None."""
    # Most gateways run as a user of their own.
    from .._host import trust

    trees = [os.path.join(gateway.home, "plugins")]
    root = getattr(gateway, "root", None)
    if root:
        # The packages that the installer put beside the sources.
        trees.append(os.path.join(os.path.dirname(root), "installs"))
    present = [one for one in trees if os.path.lexists(one)]
    # The sources, which the bootstrap imports: if they are not there, someone may make them next.
    present += [root] if root else []
    return trust.why_not(gateway.python or "", present, [gateway.home])


def _bootstrapped(arguments: list[str], root: str | None) -> list[str]:
    """``arguments`` for a Python that needs the bootstrap of the Hermes at ``root``, if any."""
    if not root:
        return arguments
    kind, what, *rest = arguments
    run = EXECUTE if kind == "-c" else RUN_MODULE
    return ["-c", BOOTSTRAP % root + run % what, *rest]


def ask(gateway: Owned, request: dict[str, Any], managed_dir: str | None = None) -> dict[str, Any]:
    """The answer of the helper to ``request``; HermesError if there is none or it is an error."""
    env = {"HERMES_MANAGED_DIR": managed_dir} if managed_dir else None
    limits = command.Limits(TIMEOUT, MAX_PROBE if request["do"] == "probe" else MAX_ANSWER)
    try:
        done = _run(gateway, ["-c", _program()], json.dumps(request), env, limits)
    except RunError as exc:
        raise HermesError(str(exc), broken=True) from exc
    try:
        answer = json_text.loads(done.out)
        if not isinstance(answer, dict):
            raise ValueError("no object")
    except ValueError as exc:
        lines = display.printable(done.err, 4000, keep="\n").strip().splitlines()
        raise HermesError(
            "%s gave no usable answer (exit code %d): %s"
            % (gateway.python, done.rc, lines[-1][:200] if lines else "nothing"),
            broken=True,
        ) from exc
    if "error" in answer:
        raise HermesError(
            display.printable(str(answer["error"]), 1000, keep="\n"),
            broken=answer.get("broken") is True,
        )
    return answer


def probe(
    gateway: Owned, keys: Iterable[str] = (), managed_dir: str | None = None
) -> dict[str, Any]:
    """What the gateway's Hermes is, and what it has in effect in its home:

    ``version``, ``provider``, ``model`` (None if unknown); ``channels``, sorted; whether this
    version has ``managed_support``, and the ``managed_dir`` it uses; ``root``, the directory of its
    sources, and ``changed``, when one of them last changed, in epoch seconds (None if unknown); and
    by each dotted key of ``keys``: ``config`` (the value in effect, managed scope and defaults
    included), ``reads`` (whether this version reads it) and ``live`` (whether it does so without a
    restart).
    """
    keys = list(keys)
    answer = ask(gateway, {"do": "probe", "keys": keys}, managed_dir)
    texts = {
        name: _text(answer.get(name))
        for name in ("version", "provider", "model", "managed_dir", "root")
    }
    by_key: dict[str, dict[str, Any]] = {}
    for name in ("config", "reads", "live"):
        found = answer.get(name)
        by_key[name] = found if isinstance(found, dict) else {}
    channels = answer.get("channels")
    named = map(_text, channels[:100]) if isinstance(channels, list) else []
    changed = answer.get("changed")
    return dict(
        texts,
        # Neither infinity nor what is no number is in it.
        changed=changed if isinstance(changed, float) and 0 < changed < 1e12 else None,
        channels=sorted(name for name in named if name),
        managed_support=answer.get("managed_support") is True,
        config={key: by_key["config"].get(key) for key in keys},
        reads={key: by_key["reads"].get(key) is True for key in keys},
        live={key: by_key["live"].get(key) is True for key in keys},
    )


def _program() -> str:
    """The helper and what it needs as one text, for a Python without this collection."""
    # Seldom needed.
    from .._host import sources

    names = ("yaml_edit", "source_files", "helper")
    first, *others = (sources.source("_hermes." + name) for name in names)
    return first + "".join(text.replace(FUTURE, "").replace(IMPORTS, "") for text in others)


def _shipped() -> tuple[object, ...]:
    """Never called. A module is shipped with what it imports: so the texts get to the host."""
    from . import helper, source_files, yaml_edit

    return helper, source_files, yaml_edit


def _text(value: object) -> str | None:
    return display.printable(value, 200) or None if isinstance(value, str) else None
