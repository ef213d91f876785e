# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a fleet as one HTML file, from the template playbooks/templates/report.html.j2.

It uses a separate Jinja2 environment instead of Ansible's: this one escapes every value, and never
evaluates a text from a host as a template.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import re
from typing import Any

import jinja2

from . import _fleet, _plot

FOLDER = os.path.join(os.path.dirname(__file__), "..", "..", "playbooks", "templates")
NAME = "report.html.j2"
# Up to this number of gateways, charts are large, one below the other.
FEW = 2
_INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.S)


def html(report: dict[str, Any]) -> str:
    """The page of ``report``."""
    frame = _plot.LARGE if report["gateways"] <= FEW else _plot.SMALL
    environment = _environment()
    return environment.get_template(NAME).render(
        report=report,
        groups=_fleet.GROUPS,
        verdicts=_fleet.VERDICTS,
        verdicts_page=_fleet.VERDICTS_PAGE,
        frame=frame,
        plot=lambda row: _plot.plot(row, frame),
        hashes=_hashes(environment),
    )


@functools.lru_cache(maxsize=None)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        megabytes=_fleet.megabytes,
        hours=_fleet.hours,
        moment=_fleet.moment,
        slope=_fleet.slope,
        brief=_fleet.brief,
    )
    return environment


def _hashes(environment: jinja2.Environment) -> dict[str, str]:
    """The hashes of the page's style and script, the only ones that its policy allows.

    A text that was not escaped correctly would still not run.
    """
    source = jinja2.FileSystemLoader(FOLDER).get_source(environment, NAME)[0]
    return {
        kind: "'sha256-%s'"
        % base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
        for kind, text in _INLINE.findall(source)
    }
