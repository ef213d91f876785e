# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that client runs with Hermes's own Python, as the owner of the home.

The sources of yaml_edit, source_files and this file are passed to that Python with ``-c`` as one
program, which imports nothing else from this collection. It reads one JSON object from stdin and
writes one to stdout. ``probe`` reports which keys the installed Hermes reads and which values are
in effect; it never calls ``load_config()``, which creates files in the home. ``edit`` changes keys
of the home's config.yaml.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import stat
import sys
from typing import NamedTuple

# The client removes these lines and prepends both sources instead.
from .source_files import paths
from .yaml_edit import YamlError, edit, get, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# Far more than any configuration has, and far less than would harm a host.
MAX_BYTES = 1 << 20
# The gateway reads this key for every message. Its own source lists the others: see _live().
READ_PER_MESSAGE = ("compression.hygiene_hard_message_limit",)
# Excludes "unknown" and "0.0.0", which Hermes reports if it does not know its version.
RELEASE = re.compile(r"v?(?!0+\.0+\.0+(?!\d))\d+\.\d+")
CONNECTED = ("connected", "connecting", "retrying")
FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class HomeError(Exception):
    """The text names the file and the reason; it never holds a value from the file."""


# -------------------------------------------------------------------------------- the home's file


class ConfigFile(NamedTuple):
    """A home's config.yaml; both are None if the file does not exist."""

    text: str | None
    info: os.stat_result | None


def read_config(path: str) -> ConfigFile:
    """The file at ``path``. Raises HomeError unless it is a regular file of this process's user."""
    try:
        fd = os.open(path, os.O_RDONLY | FLAGS)
    except FileNotFoundError:
        return ConfigFile(None, None)
    except OSError as exc:
        link = os.path.islink(path)
        why = "is a symbolic link, which is not followed" if link else exc.strerror
        raise HomeError("%s: %s" % (path, why)) from None
    with os.fdopen(fd, "rb") as stream:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise HomeError("%s: is not a regular file" % path)
        if info.st_uid != os.geteuid():
            raise HomeError(
                "%s: belongs to uid %d, not to the gateway's user (uid %d)"
                % (path, info.st_uid, os.geteuid())
            )
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise HomeError("%s: is larger than %d bytes" % (path, MAX_BYTES))
    try:
        return ConfigFile(data.decode("utf-8"), info)
    except UnicodeDecodeError as exc:
        raise HomeError(
            "%s, line %d: is not UTF-8" % (path, data[: exc.start].count(b"\n") + 1)
        ) from None


def edit_home(request: dict[str, Any]) -> dict[str, Any]:
    """Plan or make the changes to HOME/config.yaml.

    The changes are made if "write" holds the digest of the text for which they were planned.
    "created" means that an earlier edit created the file; it is then removed if it becomes empty.
    """
    path = os.path.join(os.environ["HERMES_HOME"], "config.yaml")
    present, info = read_config(path)
    folder = os.path.dirname(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise HomeError("%s: the directory is not writable by the gateway's user" % folder)
    before = present or ""
    after, undo = edit(before, request["changes"], path)
    digest = hashlib.sha256(before.encode("utf-8")).hexdigest()
    if request.get("write"):
        if request["write"] != digest:
            raise HomeError(
                "%s: was changed by someone else in the meantime; nothing was written" % path
            )
        if request.get("created") and not after.strip():
            os.unlink(path)
        elif after != before:
            write_config(path, after, stat.S_IMODE(info.st_mode) if info else 0o600)
    return {
        "path": path,
        "existed": present is not None,
        "before": before,
        "after": after,
        "undo": undo,
        "digest": digest,
    }


def write_config(path: str, text: str, mode: int) -> None:
    """Replace ``path`` atomically: a failure leaves either the old file or the new one."""
    temporary = "%s.%d.tmp" % (path, os.getpid())
    fd = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(text.encode("utf-8"))
            stream.flush()
            os.fchmod(fd, mode)
            os.fsync(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# ---------------------------------------------------------------------------- the installed Hermes


def probe(request: dict[str, Any]) -> dict[str, Any]:
    """The facts about the installed Hermes, and for each requested key if and how it is used."""
    home = os.environ["HERMES_HOME"]
    path = os.path.join(home, "config.yaml")
    text = read_config(path).text
    config = parse(text, path).data if text else {}

    import hermes_cli
    from hermes_cli.config import DEFAULT_CONFIG

    managed_dir = None
    try:
        from hermes_cli import managed_scope
    except ImportError:
        managed_scope = None
    if managed_scope is not None:
        config = managed_scope.apply_managed_overlay(config)
        managed_dir = managed_scope.get_managed_dir()
    provider, model = _model(config)
    root = os.path.dirname(os.path.dirname(os.path.abspath(hermes_cli.__file__)))
    answer: dict[str, Any] = {
        "version": _version(),
        "managed_support": managed_scope is not None,
        "managed_dir": str(managed_dir) if managed_dir else None,
        "root": root,
        "changed": max((os.lstat(one).st_ctime for one in paths(root)), default=None),
        "channels": _channels(home),
        "provider": provider,
        "model": model,
        "config": {},
        "reads": {},
        "live": {},
    }
    for key in request["keys"]:
        default = get(DEFAULT_CONFIG, key)
        found = get(config, key)
        answer["config"][key] = found["value"] if found["present"] else default.get("value")
        answer["reads"][key] = default["present"] or _in_sources(root, key)
        answer["live"][key] = answer["reads"][key] and _live(root, key)
    return answer


def _version() -> str | None:
    """The version that the installed Hermes reports; None if unknown.

    From 0.22 on, ``__version__`` comes from the install stamp, and is "0.0.0" without one.
    """
    import hermes_cli

    for ask in (
        lambda: importlib.import_module("hermes_cli.version_info").get_version_info().base_version,
        lambda: hermes_cli.__version__,
    ):
        try:
            version = ask()
        except Exception:  # pylint: disable=broad-exception-caught
            # Older releases lack this module; any other failure there must not stop the probe.
            continue
        if isinstance(version, str) and RELEASE.match(version):
            return version
    return None


def _model(config: dict[str, Any]) -> tuple[Any, Any]:
    """The provider and the model, looked up in the same order as Hermes does."""
    model = config.get("model")
    provider = config.get("provider")
    if not isinstance(model, dict):
        return provider, model
    named = model.get("default") or model.get("model") or model.get("name")
    return model.get("provider") or provider, named


def _channels(home: str) -> list[str]:
    """The platforms that the gateway last reported as connected or connecting."""
    try:
        fd = os.open(os.path.join(home, "gateway_state.json"), os.O_RDONLY | FLAGS)
        with open(fd, "rb") as stream:
            platforms = json.loads(stream.read(MAX_BYTES)).get("platforms") or {}
        return sorted(name for name, one in platforms.items() if one.get("state") in CONNECTED)
    except (OSError, ValueError, AttributeError, RecursionError):
        return []


def _in_sources(root: str, key: str) -> bool:
    """Whether a source file contains the key's last part, and its section, in quotes.

    DEFAULT_CONFIG is not complete: Hermes may read a key that is missing there.
    """
    words = [
        [quote % word.encode("utf-8") for quote in (b'"%s"', b"'%s'")]
        for word in key.split(".")[-2:]
    ]
    return any(
        all(any(form in text for form in forms) for forms in words) for text in _source_texts(root)
    )


def _source_texts(root: str) -> Iterator[bytes]:
    for path in paths(root):
        try:
            with open(path, "rb") as stream:
                text = stream.read()
        except OSError:
            continue
        yield text


def _live(root: str, key: str) -> bool:
    """Whether a running gateway uses a new value of the key without a restart.

    Its run.py lists the keys whose change makes it rebuild a chat's agent at the next message, as
    ("section", "key").
    """
    if key in READ_PER_MESSAGE:
        return True
    try:
        with open(os.path.join(root, "gateway", "run.py"), encoding="utf-8") as stream:
            listed = re.search(
                r"_CACHE_BUSTING_CONFIG_KEYS[^=]*=\s*\((.*?)\n    \)", stream.read(), re.DOTALL
            )
    except OSError:
        return False
    pair = r"\(\s*%s\s*\)" % r",\s*".join('"%s"' % re.escape(part) for part in key.split("."))
    return bool(listed and re.search(pair, listed.group(1)))


def main() -> None:
    """Answer the request on standard input."""
    out = os.dup(1)
    # Output that Hermes prints while it is imported must not become part of the answer.
    os.dup2(2, 1)
    try:
        request = json.loads(sys.stdin.buffer.read().decode("utf-8"))
        answer = {"probe": probe, "edit": edit_home}[request["do"]](request)
    except (YamlError, HomeError) as exc:
        answer = {"error": str(exc)}
    except ImportError as exc:
        answer = {"error": "%s cannot import %s" % (sys.executable, exc.name), "broken": True}
    except OSError as exc:
        answer = {"error": "%s: %s" % (exc.filename or os.environ["HERMES_HOME"], exc.strerror)}
    except Exception as exc:  # pylint: disable=broad-exception-caught
        # The text of the exception may contain values from the file.
        answer = {
            "error": "%s in Hermes's Python %s" % (type(exc).__name__, sys.executable),
            "broken": True,
        }
    with os.fdopen(out, "wb") as stream:
        stream.write(json.dumps(answer, default=str).encode("utf-8"))


if __name__ == "__main__":
    main()
