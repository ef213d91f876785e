# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata of the collection matches its content."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]


def load(name):
    return yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8"))


# A module that only documents an action plugin is internal to a playbook, and takes no defaults.
PAGES = {"site_question"}
MODULES = sorted({path.stem for path in (CHECKOUT / "plugins/modules").glob("*.py")} - PAGES)


def test_action_group_lists_every_module():
    assert load("meta/runtime.yml")["action_groups"]["gateway"] == MODULES


@pytest.mark.parametrize("name", MODULES)
def test_every_module_takes_gateways_so_that_a_default_of_the_group_suits_all(monkeypatch, name):
    validator = pytest.importorskip("ansible.module_utils.common.arg_spec").ArgumentSpecValidator
    module = importlib.import_module(
        "ansible_collections.hermes_ops.gateway.plugins.modules." + name
    )
    specs = []

    def keep(argument_spec, **_kwargs):
        specs.append(argument_spec)
        raise InterruptedError

    monkeypatch.setattr(module, "AnsibleModule", keep)
    with pytest.raises(InterruptedError):
        module.main()
    asked = dict(
        {option: "x" for option, spec in specs[0].items() if spec.get("required")},
        gateways=["hermes-gateway"],
    )
    if name == "guard_component":
        asked["component"] = "watchdog"
    result = validator(specs[0]).validate(asked)
    assert result.error_messages == []
    assert result.validated_parameters["gateways"] == ["hermes-gateway"]
    # Its former name.
    if "aliases" in specs[0]["gateways"]:
        asked["names"] = asked.pop("gateways")
        assert validator(specs[0]).validate(asked).validated_parameters["gateways"] == (
            ["hermes-gateway"]
        )
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]["gateways"]
    assert documented.get("aliases") == specs[0]["gateways"].get("aliases")


def test_no_ignore_file():
    assert not list((CHECKOUT / "tests/sanity").glob("ignore*"))


@pytest.mark.parametrize(
    "role", sorted(path.name for path in (CHECKOUT / "roles").glob("*")), ids=str
)
def test_every_entry_point_of_a_role_has_a_specification(role):
    folder = CHECKOUT / "roles" / role
    entry_points = {
        path.stem for path in (folder / "tasks").glob("*.yml") if not path.stem.startswith("_")
    }
    assert set(load(folder / "meta/argument_specs.yml")["argument_specs"]) == entry_points


def test_dependencies_stay_empty():
    assert load("galaxy.yml")["dependencies"] == {}


def test_every_molecule_scenario_is_a_target_of_ansible_test():
    scenarios = {path.parent.name for path in CHECKOUT.glob("extensions/molecule/*/molecule.yml")}
    targets = {path.parent.name for path in CHECKOUT.glob("tests/integration/targets/*/runme.sh")}
    assert targets == {"molecule-" + name for name in scenarios}


@pytest.mark.parametrize("name", ["README.md", "docs/events.md", "meta/execution-environment.yml"])
def test_examples_install_this_version(name):
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    found = re.findall(r"gateway-([0-9.]+)\.tar\.gz|\bversion: ([0-9]+\.[0-9.]+)", text)
    assert {one or other for one, other in found} == {load("galaxy.yml")["version"]}


def test_changelog_has_this_version():
    assert load("galaxy.yml")["version"] in load("changelogs/changelog.yaml")["releases"]
