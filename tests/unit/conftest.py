# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the checkout importable as ansible_collections.hermes_ops.gateway, without ansible-core.

ansible-test does this itself, and so does a checkout in a directory of that name on the path.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import hypothesis
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
COLLECTIONS = CHECKOUT / ".build/collections"
PACKAGE = "ansible_collections.hermes_ops.gateway"


def _place():
    """The directory from which the collection would be imported, if it is this checkout."""
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except ModuleNotFoundError:
        return None
    for place in spec.submodule_search_locations if spec else ():
        if Path(place).resolve() == CHECKOUT:
            return Path(place)
    return None


if _place() is None:
    # In front, but for an installed `ansible_collections` with an __init__.py, which Python would
    # prefer from anywhere on the path.
    sys.path.insert(0, str(COLLECTIONS))
    importlib.invalidate_caches()
if _place() is None:
    raise RuntimeError(
        "the tests would not import this checkout: run them with `make units`, in an environment"
        " without the package `ansible`"
    )

# The machine is shared and the legs run side by side: how long an example takes says nothing. The
# same examples at every run, so that a failure is of the change at hand; `tests/tools/units
# --hypothesis-profile=explore` looks for new ones.
hypothesis.settings.register_profile(
    "shared",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "explore", hypothesis.settings.get_profile("shared"), derandomize=False, max_examples=2000
)
hypothesis.settings.load_profile("shared")


@pytest.fixture(scope="session")
def import_root():
    """What a Python that a test starts needs on its path to import the collection."""
    return str(_place().parents[2])
