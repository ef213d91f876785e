# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of module_utils import downwards only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

UTILS = Path(__file__).resolve().parents[4] / "plugins/module_utils"
COLLECTION = "ansible_collections.hermes_ops.gateway.plugins.module_utils."
# What the archive of the on-host program calls the same packages.
PROGRAM = "hermes_guard."
# What each package may import, from the ground up; a module in place of a package is the only one.
LAYERS = {
    "_host": set(),
    "_hermes": {"_host"},
    # Pure: no more of the host than its errors, and how a value is shown.
    "_trend": {"_host.errors", "_host.display"},
    "_redact": {"_host.errors", "_host.display"},
    "_guard": {"_trend", "_hermes", "_host"},
    "_oom": {"_guard", "_hermes", "_host"},
    "_evidence": {"_guard", "_hermes", "_host", "_oom", "_redact", "_trend"},
    "_hermes_config": {"_hermes", "_host"},
    "_install": {"_guard", "_hermes", "_host"},
}


def imported(source, package):
    """The modules and packages of module_utils that ``source`` imports, a file of ``package``.

    Each as "_host.proc", imports within functions included.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level == 1:
                module = "%s%s.%s" % (COLLECTION, package, module)
            elif node.level == 2:
                module = COLLECTION + module
            assert node.level <= 2, "relative import out of module_utils"
            names = ["%s.%s" % (module.rstrip("."), alias.name) for alias in node.names]
        else:
            continue
        for name in names:
            for root in (COLLECTION, PROGRAM):
                if name.startswith(root):
                    found.add(name[len(root) :])
    return found


def wrong(source, package):
    """The imports that ``source``, a file of ``package``, must not have."""
    allowed = LAYERS[package] | {package}
    return sorted(
        name
        for name in imported(source, package)
        if not any(name == one or name.startswith(one + ".") for one in allowed)
    )


def test_every_package_has_its_layer():
    packages = {path.name for path in UTILS.iterdir() if any(path.glob("*.py"))}
    assert packages == set(LAYERS)
    assert list(UTILS.glob("*.py")) == []


@pytest.mark.parametrize("package", LAYERS)
def test_imports_point_down(package):
    found = {}
    for path in sorted((UTILS / package).rglob("*.py")):
        faults = wrong(path.read_text(encoding="utf-8"), package)
        if faults:
            found[path.name] = faults
    assert found == {}


@pytest.mark.parametrize(
    "line, package, fault",
    [
        ("from .._guard import config", "_hermes_config", "_guard.config"),
        ("from .._guard.config import STATE", "_hermes_config", "_guard.config.STATE"),
        ("from .. import _guard", "_hermes_config", "_guard"),
        ("def later():\n    from .._oom import search", "_guard", "_oom.search"),
        ("if TYPE_CHECKING:\n    from .._hermes import client", "_host", "_hermes.client"),
        ("from .._host import proc", "_trend", "_host.proc"),
        ("from .._host import display, files", "_trend", "_host.files"),
        ("from .._host import errors_of_others", "_redact", "_host.errors_of_others"),
        ("import %s_guard.cli" % COLLECTION, "_hermes", "_guard.cli"),
        ("from %s_guard import cli" % COLLECTION, "_hermes", "_guard.cli"),
        ("from hermes_guard._guard.cli import main", "_hermes", "_guard.cli.main"),
    ],
)
def test_import_upwards_is_found(line, package, fault):
    assert wrong("import os\nfrom . import other\n%s\n" % line, package) == [fault]


@pytest.mark.parametrize(
    "line, package",
    [
        ("from .._host.errors import GuardError", "_trend"),
        ("from .._host import display, errors", "_redact"),
        ("from .patterns import KEYS", "_redact"),
        ("from .._host.errors import GuardError", "_evidence"),
        ("from hermes_guard._guard.cli import main", "_guard"),
        ("import hermes_guards, json.decoder", "_host"),
    ],
)
def test_import_downwards_is_not(line, package):
    assert wrong(line + "\n", package) == []


def carried(module):
    """All files that Ansible sends with a module whose backend is ``module``."""
    found, left = set(), [module]
    while left:
        one = left.pop()
        if one in found:
            continue
        found.add(one)
        source = (UTILS / (one.replace(".", "/") + ".py")).read_text(encoding="utf-8")
        for name in imported(source, one.partition(".")[0]):
            # The name of a file, or of something in one.
            names = name, name.rpartition(".")[0]
            left += [n for n in names if (UTILS / (n.replace(".", "/") + ".py")).is_file()]
    return found


@pytest.mark.parametrize("backend", ["_install.guard_component", "_hermes_config.configure"])
def test_component_does_not_carry_the_program(backend):
    """Four roles send it to every host. Only the module guard, which builds the program, has to carry all of it."""
    assert "_install.program" in carried("_install.guard")
    program = (
        "_install.program",
        "_guard.watchdog",
        "_guard.cli",
        "_guard.page",
        "_trend.analysis",
    )
    assert not carried(backend).intersection(program)
