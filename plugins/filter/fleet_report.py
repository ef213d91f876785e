# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a fleet's gateways, from the results of memory_trend_info and oom_info."""

from __future__ import annotations

from typing import Any, Callable, Iterable

from ansible.errors import AnsibleFilterError
from ansible_collections.hermes_ops.gateway.plugins.plugin_utils import (
    _fleet,
    _fleet_html,
    _fleet_text,
)

FORMS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "table": _fleet_text.table,
    "json": _fleet_text.as_json,
    "csv": _fleet_text.as_csv,
    "html": _fleet_html.html,
}


def fleet_report(answers: Iterable[Any], form: str = "table") -> list[str] | str:
    """The report of ``answers`` as ``form``: a list of lines for "table", else a text.

    Each answer has three items: the host and its results of memory_trend_info and oom_info.
    """
    if form not in FORMS:
        raise AnsibleFilterError(
            "fleet_report: invalid form %r: expected one of %s" % (form, ", ".join(FORMS))
        )
    answers = list(answers)
    if any(not isinstance(answer, (list, tuple)) or len(answer) != 3 for answer in answers):
        raise AnsibleFilterError(
            "fleet_report: expected a list of lists with three items each: the host,"
            " the result of memory_trend_info, and that of oom_info"
        )
    return FORMS[form](_fleet.fleet(answers))


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"fleet_report": fleet_report}
