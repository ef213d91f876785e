# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides what may stay in a line of a gateway's log: words that Hermes itself logs, and figures.

Everything else is removed: names, words of a chat, secrets that match no pattern. A single unknown
word becomes a hash, so that two lines about the same room can be correlated. If a part of a line
has several unknown words, a person wrote it, and the whole part is removed.
"""

from __future__ import annotations

import re
from functools import lru_cache

from . import people
from .redaction import Redactor
from .words import OTHERS, WORDS

_KNOWN = WORDS | OTHERS
# A word, an address, or the replacement of something that was removed.
_TOKEN = re.compile(
    r"\[\d+ characters\]|\[[a-z_]{1,20} removed\]|\[line cut\]|(?<!\w)#[0-9a-f]{8}\b|"
    r"\b[a-z][a-z0-9+.-]{1,15}://[^\s\"'<>)\]]*|\w+(?:'(?:s|t|re|ve|d|ll)\b)?"
)
_DONE = re.compile(r"[\[#]")
# Figures with their unit, times, and hexadecimal numbers as Python writes them. Long numbers are
# ids, which gateway_log has already removed.
_FIGURE = re.compile(
    r"\d+(?:ms|us|ns|s|m|min|h|d|x|th|st|nd|rd|[kKMGT]i?B?|B|MBs|kHz|fps)?\Z|"
    r"\d\dT\d\d\Z|\d\dZ\Z|0x[0-9a-f]{1,16}\Z|v\d{1,4}\Z|python\d{1,3}t?\Z|_+\Z"
)
# The name of an exception, also from an unknown library.
_RAISED = re.compile(
    r"_?[A-Z][A-Za-z]{0,60}(?:Error|Exception|Warning|Timeout|Interrupt|Exit|Exceeded|Closed)\Z"
)
# Separators of the parts of a line.
_PARTS = re.compile(r"(: | \u2014 | \u2013 | - | \u2192 |; |, | \(|\) |\)\Z|(?<=\]) )")
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*://)([^\s/?#:]*)((?::\d{1,5})?)(.*)\Z")
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

# What may be private although each word and figure of it is known: numbers of telephones, cards and
# networks, codes, words that are a password, paths.
_SUSPECT = re.compile(
    r"[@%\\~]|://|::|/(?:home|root|Users|srv|mnt)\b|\d{4}|\d[ ().:-]{1,3}\d+[ ().:-]{1,3}\d|"
    r"[a-z]\.[a-z]"
)
_SUSPECT_WORDS = tuple(
    "key secret token pass pwd pw credential auth cookie hook dsn pin otp psk mnemonic code 2fa"
    " phrase seed recovery bearer basic digest ntfy allowed admin owner home_".split()
)

# Paths in a traceback of code that is the same on every host.
_LIBRARY = re.compile(
    r"(?:/(?:site|dist)-packages/|/lib/python\d|/\.hermes/|/hermes[\w.-]{0,40}/|\A<)"
)


def is_plain(redactor: Redactor, text: str) -> bool:
    """Whether ``text`` needs no further checks, which are slow. That is true for many lines."""
    low = text.lower()
    suspect = _SUSPECT.search(text) or any(word in low for word in _SUSPECT_WORDS)
    if suspect or redactor.names_host(text):
        return False
    # A word that is only kept, such as the name of a model, is not enough to be certain.
    return all(_is_known(token) for token in _TOKEN.findall(text))


def line(redactor: Redactor, text: str) -> str:
    """``text``, the message of one line of a log, reduced to what is known to be harmless."""
    if _are_harmless(text, redactor):
        return text
    return "".join(
        part if place % 2 else _part(redactor, part)
        for place, part in enumerate(_PARTS.split(text))
    )


def exception(redactor: Redactor, dotted: str) -> str:
    """``dotted``, the name of an exception type; a single word could also be private text."""
    last = dotted.rpartition(".")[2]
    return dotted if len(_CAMEL.findall(last)) > 1 else name(redactor, dotted)


def name(redactor: Redactor, dotted: str) -> str:
    """``dotted``, the name of a logger, with unknown parts as hashes."""
    return ".".join(
        part if _is_harmless(part, redactor) else redactor.hashed(part)
        for part in dotted.split(".")
    )


def is_library(path: str) -> bool:
    """Whether the file ``path`` of a frame belongs to Hermes, a library or Python."""
    return bool(_LIBRARY.search(path))


def _part(redactor: Redactor, part: str) -> str:
    if _are_harmless(part, redactor):
        return part
    # A path, or a word with "=", is a single value. A text has several words.
    words = [word for word in part.split() if "=" not in word and "/" not in word]
    unknown = sum(not _are_harmless(word, redactor) for word in words)
    if unknown > 2 or (unknown > 1 and 3 * unknown >= len(words)):
        stripped = part.strip()
        return part.replace(stripped, redactor.hidden(stripped))
    return _TOKEN.sub(lambda found: _shown(found.group(), redactor), part)


def _shown(token: str, redactor: Redactor) -> str:
    if _is_harmless(token, redactor):
        return token
    address = _ADDRESS.match(token)
    if address is None:
        return redactor.hashed(token)
    scheme, host, port, rest = address.groups()
    if not _are_harmless(host, redactor):
        host = redactor.hashed(host)
    if not _are_harmless(rest, redactor):
        rest = "/" + redactor.hidden(rest[1:])
    return scheme + host + port + rest


def _is_harmless(token: str, redactor: Redactor) -> bool:
    return _is_known(token) or redactor.keeps(token)


# The same words occur many times in a log.
@lru_cache(maxsize=8192)
def _is_known(token: str) -> bool:
    if token in _KNOWN or _FIGURE.match(token) or _DONE.match(token) or _RAISED.match(token):
        return True
    address = _ADDRESS.match(token)
    if address:
        _scheme, host, _port, rest = address.groups()
        if people.is_known_host(host):
            return True
        return all(_is_known(part) for part in _TOKEN.findall(host) + _TOKEN.findall(rest))
    if "'" in token:
        return _is_known(token.partition("'")[0])
    if "_" in token:
        parts = [part for part in token.split("_") if part]
        return all(_in_any_case(part) or _FIGURE.match(part) for part in parts)
    # Names of types, such as MemoryError, but not a single capitalised word, which may be a name.
    parts = _CAMEL.findall(token)
    return len(parts) > 1 and "".join(parts) == token and all(_in_any_case(part) for part in parts)


def _in_any_case(part: str) -> bool:
    return part in _KNOWN or part.lower() in _KNOWN


def _are_harmless(text: str, redactor: Redactor) -> bool:
    return all(_is_harmless(token, redactor) for token in _TOKEN.findall(text))
