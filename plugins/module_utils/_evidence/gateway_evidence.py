# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Creates the bundle for a bug report about the memory of gateways, on the host."""

from __future__ import annotations

import os
import time
from typing import Any

from .._guard import config
from .._hermes import discovery
from .._hermes.discovery import Gateway
from .._host.errors import SettingError
from . import archive, collectors, issue, layout, redaction_pass
from .asking import Asking


def bundle(dest: str, names: list[str], check_mode: bool) -> dict[str, Any]:
    """Write the bundle of the gateways ``names``, or of all, to directory ``dest``.

    Returns ``path`` (None in check mode or without a gateway), ``files`` (names in the bundle),
    ``summary`` (one for each gateway) and ``changed``. Raises GuardError.
    """
    if not os.path.isabs(dest):
        raise SettingError("dest: invalid path %r: expected an absolute path" % dest)
    gateways = config.not_excluded(discovery.find_named(names), names)
    if check_mode or not gateways:
        return {"changed": bool(gateways), "path": None, "files": [], "summary": []}
    archive.prepare(dest)
    files, summaries = collect(gateways)
    name = time.strftime("hermes-evidence-%Y%m%dT%H%M%SZ.tar.gz", time.gmtime())
    path = os.path.join(dest, name)
    archive.write(path, files)
    return {"changed": True, "path": path, "files": sorted(files), "summary": summaries}


def collect(gateways: list[Gateway]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The texts of the bundle by name, a directory for each gateway, and the summaries.

    If nothing can be collected for a gateway, its summary is its name and a note.
    """
    files: dict[str, str] = {}
    summaries = []
    host = collectors.host()
    kills = collectors.kills(gateways)
    askings: dict[str, Asking] = {}
    for gateway in gateways:
        asking = askings.setdefault(gateway.user, Asking())
        try:
            evidence = collectors.collect(gateway, asking, kills[gateway.name])
            own, summary = _one(evidence, host, asking)
        except Exception as exc:  # pylint: disable=broad-exception-caught
            # The input may come from a hostile user, and must not prevent the other bundles.
            why = "nothing could be collected: %s" % type(exc).__name__
            own, summary = {}, {"name": gateway.name, "notes": [why]}
        files.update(("%s/%s" % (gateway.name, name), text) for name, text in own.items())
        summaries.append(summary)
    return files, summaries


def _one(
    evidence: collectors.Evidence, host: dict[str, Any], asking: Asking
) -> tuple[dict[str, str], dict[str, Any]]:
    """The texts about a gateway by name, and its summary."""
    evidence.facts.update(host=host, collected=issue.moment(time.time()))
    redactor = redaction_pass.redactor_for(evidence)
    redacted = redaction_pass.redact(evidence, redactor, asking)
    return layout.lay_out(evidence, redacted, redactor)
