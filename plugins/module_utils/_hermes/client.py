# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries an installed Hermes through its own Python, as the owner of its home.

The answer comes from a user, so it is untrusted input: its form is checked here.
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
        """A gateway, its settings, or what is recorded of a former one: all belong to one user."""

        @property
        def python(self) -> str | None: ...
        @property
        def home(self) -> str: ...
        @property
        def user(self) -> str: ...


ROOT = 0
# Bytes: two texts of at most 1 MiB each, before and after, as JSON.
MAX_ANSWER = 8 << 20
# Bytes of a probe's answer: some names, and a value for each key.
MAX_PROBE = 64 << 10
# Lines to remove when the sources are joined: this import must be first, and the other modules are
# part of the same text.
FUTURE = "from __future__ import annotations\n"
IMPORTS = "from .source_files import paths\nfrom .yaml_edit import YamlError, edit, get, parse\n"
# From Hermes 0.22 on, its packages may be outside its Python's search path. Its bootstrap finds
# them from the root of its sources; the bootstrap's output must not become part of the answer.
BOOTSTRAP = """\
import contextlib, sys
sys.path.insert(0, %r)
with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(Exception):
    import hermes_bootstrap
"""
# Compiled separately, because a ``from __future__`` import must be the first statement.
EXECUTE = "exec(compile(%r, '<string>', 'exec', 0, True))\n"
RUN_MODULE = "import runpy\nrunpy.run_module(%r, run_name='__main__', alter_sys=True)\n"
# A query must never make Hermes install anything.
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

    ``arguments`` begin with "-c" and code, or with "-m" and a module. HERMES_HOME is in the
    environment, and ``env`` is added to it. The process has its own limits, and its children do not
    outlive it: see confined. Raises RunError if it cannot be started, does not end in time or
    prints more than MAX_ANSWER. The same if root would run code that another user can write.
    """
    return _run(gateway, arguments, stdin, env, command.Limits(timeout, MAX_ANSWER))


def _run(
    gateway: Owned,
    arguments: list[str],
    stdin: str | None,
    env: dict[str, str] | None,
    limits: command.Limits,
) -> command.Result:
    """Like run_python; the only function that starts code from a home."""
    if not gateway.python:
        raise RunError("the Python of the gateway with the home %s is unknown" % gateway.home)
    user = accounts.named(gateway.user)
    if user.pw_uid == ROOT:
        why = not_as_root(gateway)
        if why is not None:
            raise RunError("the gateway runs as root, so its Python is not started: %s" % why)
    # -I: no PYTHON* variables and no user site directory. -B: no __pycache__.
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
    # Imported on demand: most gateways do not run as root.
    from .._host import trust

    trees = [os.path.join(gateway.home, "plugins")]
    root = getattr(gateway, "root", None)
    if root:
        # The packages that the installer placed beside the sources.
        trees.append(os.path.join(os.path.dirname(root), "installs"))
    present = [one for one in trees if os.path.lexists(one)]
    # The bootstrap imports the sources. They are checked even if missing: a user might create them.
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
    """The helper's answer to ``request``. Raises HermesError if it is missing or an error."""
    env = {"HERMES_MANAGED_DIR": managed_dir} if managed_dir else None
    limits = command.Limits(TIMEOUT, MAX_PROBE if request["do"] == "probe" else MAX_ANSWER)
    try:
        done = _run(gateway, ["-c", _program()], json.dumps(request), env, limits)
    except RunError as exc:
        raise HermesError(str(exc), broken=True) from exc
    try:
        answer = json_text.loads(done.out)
        if not isinstance(answer, dict):
            raise ValueError("not an object")
    except ValueError as exc:
        lines = display.printable(done.err, 4000, keep="\n").strip().splitlines()
        raise HermesError(
            "%s gave no usable answer (exit code %d): %s"
            % (gateway.python, done.rc, lines[-1][:200] if lines else "no output"),
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
    """The facts about the gateway's Hermes, and the configuration in effect in its home:

    ``version``, ``provider``, ``model`` (None if unknown); ``channels``, sorted; whether this
    version has ``managed_support``, and the ``managed_dir`` it uses; ``root``, the directory of its
    sources, and ``changed``, when one of them last changed, in epoch seconds (None if unknown); and
    by each dotted key of ``keys``: ``config`` (the value in effect, managed scope and defaults
    included), ``reads`` (whether this version reads it) and ``live`` (whether it reads a new value
    without a restart).
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
        # The comparison also excludes infinity and NaN.
        changed=changed if isinstance(changed, float) and 0 < changed < 1e12 else None,
        channels=sorted(name for name in named if name),
        managed_support=answer.get("managed_support") is True,
        config={key: by_key["config"].get(key) for key in keys},
        reads={key: by_key["reads"].get(key) is True for key in keys},
        live={key: by_key["live"].get(key) is True for key in keys},
    )


def _program() -> str:
    """The helper and its modules as one text, for a Python without this collection."""
    # Imported on demand: rarely needed.
    from .._host import sources

    names = ("yaml_edit", "source_files", "helper")
    first, *others = (sources.source("_hermes." + name) for name in names)
    return first + "".join(text.replace(FUTURE, "").replace(IMPORTS, "") for text in others)


def _shipped() -> tuple[object, ...]:
    """Never called: Ansible ships what a module imports, so the sources reach the host."""
    from . import helper, source_files, yaml_edit

    return helper, source_files, yaml_edit


def _text(value: object) -> str | None:
    return display.printable(value, 200) or None if isinstance(value, str) else None
