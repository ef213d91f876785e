# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading many lines at once gives the same samples as reading them one by one."""

from __future__ import annotations

import random

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import samples, series

MB = 1 << 20
START = 1790000000
COLUMNS = (
    "timestamp",
    "invocation_id",
    "pid",
    "uptime_seconds",
    "rss_bytes",
    "anon_bytes",
    "swap_bytes",
    "tree_rss_bytes",
    "cgroup_bytes",
    "oom_kills",
    "provider",
    "version",
)


def history(chance, holes):
    """Rows of about 2,000 samples; with a share of ``holes``, values are missing or invalid."""
    rows, clock = [], START
    for run in range(12):
        kills, age = 0, chance.choice((0, 300, 5000))
        known = [chance.random() < 0.7 for dummy in range(6)]
        name = "" if chance.random() < 0.3 else "run%d" % run
        for dummy in range(chance.choice((1, 2, 40, 600))):
            clock += 300
            age += 300
            if chance.random() < 0.002:
                clock += chance.choice((-9999, 40 * 86400))
            if chance.random() < 0.002:
                kills += chance.choice((1, 2))
            sizes = [chance.randrange(90, 900) * MB for dummy in range(5)]
            values = [clock, name, 100 + run, age, *sizes, kills]
            values += [chance.choice(("one", "one", "other")) if run > 8 else "one", "0.%d" % run]
            for place, is_known in zip((3, 5, 6, 7, 8, 9), known):
                if not is_known or chance.random() < holes:
                    values[place] = ""
            if chance.random() < holes:
                values[chance.choice((0, 4, 5))] = chance.choice(("nan", "-1", "x", "", "inf"))
            rows.append(dict(zip(COLUMNS, map(str, values))))
    return rows


def shown(found):
    """The contents of a Series for a comparison: NaN is not equal to itself."""
    columns = (found.time, found.clock, found.rss, found.resident, found.anon, found.footprint)
    return {
        "columns": [list(map(repr, one)) for one in columns],
        "runs": found.runs,
        "identities": [(one.start, one.identity.provider) for one in found.identities],
        "kills": found.kills,
        "notes": found.notes,
    }


@pytest.mark.parametrize("holes", [0, 0.0005, 0.02])
@pytest.mark.parametrize("seed", range(6))
def test_file_gives_what_its_rows_give(tmp_path, seed, holes):
    rows = history(random.Random("table %d" % seed), holes)
    path = tmp_path / "samples.csv"
    path.write_text(
        "".join(",".join(line) + "\n" for line in [COLUMNS, *[row.values() for row in rows]])
    )
    # The header may be in any case, and the names of runs are bytes in a file.
    assert shown(samples.of_file(str(path))) == shown(samples.of_rows(rows))


def test_what_is_too_much_is_not_read(tmp_path, monkeypatch):
    """A file of 50,000 lines is recognised as too long by its size."""
    monkeypatch.setattr(samples, "MAX_SAMPLES", 10000)
    path = tmp_path / "samples.csv"
    path.write_text(
        "timestamp,invocation_id,rss_bytes\n"
        + "".join("%d,a,%d\n" % (START + 300 * place, 200 * MB) for place in range(50000))
    )
    monkeypatch.setattr(series.Series, "thin", lambda self: pytest.fail("read and dropped"))
    found = samples.of_file(str(path))
    assert 5000 < len(found) <= 10000 and found.step == 8
    assert found.time[-1] - found.time[0] == pytest.approx(300 * 50000, abs=300 * 16)
