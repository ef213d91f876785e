# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""INI files are read as configparser reads them, which files of operators were written for."""

from __future__ import annotations

import configparser
import random

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import ini

PIECES = (
    "[one]",
    "[two]",
    "[DEFAULT]",
    "  [one]",
    "[one] # more",
    "[]",
    "[",
    "key = value",
    "Key=2",
    "  key = 3",
    "other =",
    "other= a = b",
    "    goes on",
    "  goes on = x",
    "\tgoes on",
    "= nothing",
    "word",
    "# comment",
    "  ; comment",
    "key = 1 # not a comment",
    "",
    "   ",
    "notify_command = /bin/x ; [y]",
    "\u2028key = \u00e9\x0b1",
)


def _by_configparser(texts):
    parser = configparser.ConfigParser(
        interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"), strict=False
    )
    for text in texts:
        parser.read_string(text)
    return dict(parser.defaults()), {name: dict(parser.items(name)) for name in parser.sections()}


def _by_ini(texts):
    found = ini.Ini()
    for text in texts:
        found.read(text.split("\n"))
    return found.defaults, {name: found.merged(name) for name in found.sections}


def _answer(read, texts):
    try:
        return read(texts)
    except (configparser.Error, ValueError):
        return "not INI"


def test_files_are_read_as_configparser_reads_them():
    choose = random.Random(12)
    seen = {"not INI": 0, "INI": 0}
    for _number in range(6000):
        texts = [
            "\n".join(["[one]"] * choose.randint(0, 3) + choose.choices(PIECES, k=3))
            for _file in range(2)
        ]
        expected = _answer(_by_configparser, texts)
        assert _answer(_by_ini, texts) == expected, texts
        seen["not INI" if expected == "not INI" else "INI"] += 1
    # Both kinds were tried often enough to mean something.
    assert min(seen.values()) > 500


@pytest.mark.parametrize("text", ["key = 1", "[one]\nword", "[one]\n= 1"])
def test_error_names_the_line(text):
    with pytest.raises(ValueError, match=r"line %d is not" % (text.count("\n") + 1)):
        ini.Ini().read(text.split("\n"))


def test_nothing_of_a_file_with_an_error_is_taken_over():
    found = ini.Ini()
    with pytest.raises(ValueError, match="line 3"):
        found.read(["[one]", "key = 1", "word"])
    assert found.sections == {}
