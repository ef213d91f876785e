# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes secrets and names of people from everything that leaves a host.

Three filters run in sequence: secrets are recognised by their name (PASSWORD=, Authorization:), by
their form (patterns), and by their randomness. In doubt, text is removed: a missing word can be
asked for, but a published key must be replaced.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import Collection, Iterable

from .._host import display
from . import patterns, people

# Characters. Useful log lines are not longer, and the patterns are slow.
LONGEST_LINE = 2000

_RULES = tuple(
    (kind, re.compile(pattern, re.M if case else re.M | re.I))
    for kind, pattern, case in patterns.DETECT_SECRETS + patterns.OTHERS
)

# If the end of a key is missing, it extends to the next log entry or the end of the text: a log may
# be truncated anywhere.
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{3,40}-----(?:(?!-----BEGIN)[\s\S])*?"
    r"(?:-----END [A-Z0-9 ]{3,40}-----|(?=\n\d{4}-\d\d-\d\d[ T])|\Z)"
)
_HEADER = re.compile(
    r"((?:proxy-)?authorization|(?:set-)?cookie2?|"
    r"x-[a-z-]*(?:key|token|auth|signature)[a-z-]*)([\"']?\s*[:=]\s*|[\"']\s*,\s*)(?=\S)[^\r\n]+",
    re.I,
)
_BEARER = re.compile(r"\b(bearer|basic|digest)(\s+)[A-Za-z0-9._~+/=-]{6,}", re.I)
# A password may contain "/" and "#", although it should not.
_USERINFO = re.compile(
    r"([a-z][a-z0-9+.-]*://)(?:[^\s/?#\"'<>]*|[^\s\"'<>@:]{0,200}:[^\s\"'<>@]{0,200})@", re.I
)
_PERCENT_USERINFO = re.compile(r"(%3A%2F%2F)(?:(?!%2F)[^\s&]){1,300}?%40", re.I)
_USER_OPTION = re.compile(r"((?:^|\s)(?:-u|--user|--proxy-user)[ =])[^\s:]{1,200}:\S+")
_QUERY = re.compile(
    r"([?&;](?:[\w.-]*(?:key|token|secret|passw|pwd|auth|sig|signature|code|session|jwt|"
    r"credential)[\w.-]*|p|pw|pin|otp)=)[^\s&;#\"'<>]+",
    re.I,
)
_NAME = (
    r"[\w.-]*(?:(?:api|access|account|private|session|signing|encryption)[_-]?key|secret|"
    r"token(?!s|_?(?:count|usage|limit|budget))|"
    r"pass(?![a-z])|passw|passphrase|passcode|pwd|"
    r"credential|auth(?!or|en)|cookie|webhook[_-]?url|"
    r"(?<![a-z])(?:dsn|pw|pin|otp|psk|mnemonic)(?![a-z])|"
    r"mot de passe|contrase\u00f1a|senha|wachtwoord|kennwort|has\u0142o|"
    r"\u043f\u0430\u0440\u043e\u043b\u044c|\u5bc6[\u7801\u78bc]|"
    r"\u30d1\u30b9\u30ef\u30fc\u30c9)[\w.-]*"
)
# Each header name and each secret name contains one of these, which are fast to search for.
_HEADER_HINTS = ("auth", "cookie", "x-", "bearer", "basic", "digest")
_NAME_HINTS = tuple(
    "key secret token pass pwd credential auth cookie webhook dsn pw pin otp psk mnemonic seed"
    " recovery senha kennwort wachtwoord contrase has\u0142o \u043f\u0430\u0440\u043e\u043b\u044c"
    " \u5bc6 \u30d1\u30b9".split()
)
# An unquoted value extends to the end of its line: a password may contain spaces.
_ASSIGNED = re.compile(
    r"(?<![\w.-])("
    + _NAME
    + r"(?:\\*[\"']?\]?\s*(?:=>|:=|[:=\uff1a])\s*|[\"']\s*,\s*b?(?=[\"']))|--?"
    + _NAME
    + r"[ \t]+|(?:requirepass|masterauth)[ \t]+|"
    r"with (?:the )?(?:password|passphrase|passcode|pin|secret|token|key)s?[ \t]+|"
    r"(?:seed|recovery) (?:phrase|words?|key)(?: is|[:=])[ \t]*)"
    r"(\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|\S[^\r\n]*)",
    re.I,
)
# "your code is 482913", "482913 is your code".
_CODE = re.compile(
    r"\b((?:(?:one[- ]time|verification|security|log-?in|sign-?in|pairing|confirmation|access|sms|"
    r"your|backup|recovery|authentication) (?:code|password|passcode|pin|token)s?|[tm]?otp|2fa|pin|"
    r"(?<!exit )(?<!status )(?<!error )code(?= is \d{6}))\b(?: is| was| are)?[ :=]{1,3})"
    r"(?=[\w-]*\d)[\w-]{4,12}\b|"
    r"\b()\d{4,8}(?= is (?:your|the) (?:[\w-]+ )?(?:code|otp|pin|password)\b)",
    re.I,
)
# A recovery phrase: twelve words or more, without the common words of a sentence.
_WORD = (
    r"(?!(?:the|and|for|not|was|has|are|with|from|been|than|your|its|were|does|could|which|but)\b)"
    r"[a-z]{3,8}"
)
_WORDS = re.compile(r"(?<![\w'/.-])(?:%s ){11,}%s(?![\w'/.-])" % (_WORD, _WORD))
# Keys and card numbers in groups.
_GROUPS = re.compile(
    r"(?<![\w:.-])(?:[0-9a-f]{2}(?:[ :-][0-9a-f]{2}){7,}|[0-9a-f]{4}(?:[ :-][0-9a-f]{4}){3,})"
    r"(?![\w:-])",
    re.I,
)
# host:port:database:user:password, but not a MAC or IPv6 address.
_PGPASS = re.compile(
    r"(?<![^\s\[(])(?!(?:[0-9a-fA-F]{1,4}:){3})"
    r"([\w.*-]{1,253}:(?:\d{2,5}|\*):[^:\s]{1,63}:[^:\s]{1,63}:)\S+"
)
# Programs that accept a password as an argument.
_PROGRAM = re.compile(
    r"\b((?:sshpass|mysql\w*|mariadb[\w-]*|redis-cli|smbclient|mosquitto_\w+|htpasswd|ldap\w+) )"
    r"(?=[^\r\n]{0,200}-\w)[^\r\n]+"
)
# Harmless values of such a name: "token: not set", "api_key=None".
_HARMLESS = re.compile(
    r"[\"']?(?:none|null|true|false|yes|no|on|off|unset|missing|expired|invalid|"
    r"(?:is )?(?:not )?(?:set|configured|found|enabled|disabled|logged in))"
    r"[\"',;.)\]}]*\Z",
    re.I,
)
# Replacements by this module.
_DONE = re.compile(r"[\"']?(?:\[[a-z_]+ removed\]|\[\d+ characters\]|#[0-9a-f]{8}\b)")

_RUN = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"[0-9a-fA-F]{32,}\Z")
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.I)


class Redactor:
    """Redacts texts; ``removed`` counts the removals by kind.

    Names become short hashes, which are the same within one bundle and differ in the next. ``keep``
    are words that look random but are not secret, such as invocation ids and names of models;
    ``homes`` are directories that become "~", ``hosts`` are names of this machine.
    """

    def __init__(
        self,
        keep: Iterable[str | None] = (),
        homes: Collection[str] = (),
        salt: bytes | None = None,
        hosts: Iterable[str] = (),
    ) -> None:
        self.removed: dict[str, int] = {}
        self._keep = frozenset(
            part for word in keep if word for part in [word] + re.split(r"[/.]", word) if part
        )
        # Of NAME@USER, only NAME is kept: the user name is private.
        self._words = frozenset(
            part for word in self._keep for part in re.split(r"\W", word.partition("@")[0])
        )
        self._homes = sorted(
            (home.rstrip("/") for home in homes if home.count("/") > 1), key=len, reverse=True
        )
        self._salt = os.urandom(16) if salt is None else salt
        self._own_host = people.hosts_pattern([name for name in hosts if name not in self._keep])

    def text(self, text: str) -> str:
        """``text`` without secrets, addresses of people and unprintable characters.

        The lines are kept.
        """
        text = self.without_keys(printable(text))
        return "\n".join(self._line(line) for line in text.split("\n"))

    def without_keys(self, text: str) -> str:
        """``text`` without private keys, which span many lines."""
        return self._sub("private_key", _PEM, "[private_key removed]", text)

    def keeps(self, word: str) -> bool:
        """Whether ``word`` is a word to keep or a part of one."""
        return word in self._words

    def names_host(self, text: str) -> bool:
        """Whether ``text`` contains a name of this machine."""
        return bool(self._own_host and self._own_host.search(text))

    def hashed(self, value: str) -> str:
        """A short hash of a name or an id."""
        self._count("name")
        salted = self._salt + value.strip().encode("utf-8", "replace")
        return "#" + hashlib.sha256(salted).hexdigest()[:8]

    def hidden(self, text: str, what: str = "text") -> str:
        """The replacement of a text: its length."""
        self._count(what)
        return "[%d characters]" % len(text)

    def people(self, line: str) -> str:
        """``line`` without addresses, numbers and ids of people and machines."""
        line = people.without(line, self.hashed, self._own_host)
        return _UUID.sub(
            lambda found: (
                found.group() if found.group() in self._keep else self.hashed(found.group())
            ),
            line,
        )

    def _line(self, line: str) -> str:
        line = cut(line)
        # The patterns are slow, so each runs only if the line has what it needs.
        low = line.lower()
        if any(hint in low for hint in _HEADER_HINTS):
            line = self._sub("header", _HEADER, r"\1\2[header removed]", line)
            line = self._sub("header", _BEARER, r"\1\2[header removed]", line)
        if "@" in line:
            line = self._sub("url", _USERINFO, r"\1[user removed]@", line)
        if "%" in line:
            line = self._sub("url", _PERCENT_USERINFO, r"\1[user removed]%40", line)
        if "=" in line:
            line = self._sub("url", _QUERY, r"\1[url removed]", line)
        if "-" in line:
            line = self._sub("url", _USER_OPTION, r"\1[user removed]", line)
            line = self._sub("command", _PROGRAM, r"\1[command removed]", line)
        if line.count(":") > 3:
            line = self._sub("assignment", _PGPASS, r"\1[assignment removed]", line)
        if any(hint in low for hint in _NAME_HINTS):
            line = _ASSIGNED.sub(self._assigned, line)
        for kind, pattern in _RULES:
            line = self._sub(kind, pattern, "[%s removed]" % kind, line)
        line = self._sub("code", _CODE, r"\1[code removed]", line)
        line = self._sub("words", _WORDS, "[words removed]", line)
        for home in self._homes:
            line = re.sub(re.escape(home) + r"(?![\w.-])", "~", line)
        line = people.without_homes(self.people(line))
        line = _GROUPS.sub(self._groups, line)
        return _RUN.sub(self._random, line)

    def _assigned(self, found: re.Match[str]) -> str:
        value = found.group(2)
        if _HARMLESS.match(value.strip()) or _DONE.match(value):
            return found.group()
        self._count("assignment")
        return found.group(1) + "[assignment removed]"

    def _groups(self, found: re.Match[str]) -> str:
        """Removes grouped keys, but not groups of two digits, which are a list of numbers."""
        groups = found.group()
        if groups[2] in " :-" and not re.search("[a-f]", groups, re.I):
            return groups
        self._count("random")
        return "[random removed]"

    def _random(self, found: re.Match[str]) -> str:
        run = found.group()
        if run.strip("=") in self._keep or not random_looking(
            "/".join(part for part in run.split("/") if part not in self._keep)
        ):
            return run
        self._count("random")
        return "[random removed]"

    def _sub(self, kind: str, pattern: re.Pattern[str], replacement: str, text: str) -> str:
        text, count = pattern.subn(replacement, text)
        self._count(kind, count)
        return text

    def _count(self, kind: str, count: int = 1) -> None:
        if count:
            self.removed[kind] = self.removed.get(kind, 0) + count


def cut(line: str) -> str:
    """``line``, truncated if it is too long."""
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 11] + " [line cut]"


def printable(text: str) -> str:
    """``text`` without characters that could control a terminal or hide a word from a pattern.

    Tabs and line breaks are kept.
    """
    return display.printable(text.replace("\r\n", "\n"), keep="\n\t")


def random_looking(run: str) -> bool:
    """Whether a string of letters and digits looks randomly generated.

    In words, paths and names, the kind of character rarely changes (site-packages, CamelCase,
    python3); in random strings it changes at every second character. A path is also checked part by
    part, because "/" is a character of base64.
    """
    if len(run) >= 32 and _HEX.match(run):
        return True
    parts = [part for part in re.split(r"[/=]", run) if part]
    if "/" in run and not run.startswith("/") and len(run) >= 32 and _changes(run) >= 0.3:
        return True
    return any(_part(part) for part in parts)


def _part(part: str) -> bool:
    """Like random_looking(), for a part without "/" and "="."""
    if len(part) < 16:
        return False
    if _HEX.match(part) and len(part) >= 32:
        return True
    if re.search(
        (
            r"[a-z]{28,}|[A-Z]{28,}|[0-9]{24,}|(?=[a-z]*[0-9])[a-z0-9]{24,}|(?="
            r"[A-Z]*[0-9])[A-Z0-9]{24,}"
        ),
        part,
    ):
        return True
    changes = _changes(part)
    digits = sum(letter.isdigit() for letter in part)
    return (
        changes >= 0.42
        or (digits >= 2 and changes >= 0.3)
        or (len(part) >= 30 and digits >= 2 and changes >= 0.25)
    )


def _changes(run: str) -> float:
    """How often neighbours are of different kinds (lower, upper, digit), from 0 to 1.35.

    Pairs with a separator are ignored.
    """
    kinds = [_kind(letter) for letter in run]
    pairs = [(one, other) for one, other in zip(kinds, kinds[1:]) if one and other]
    # A capital before lower-case letters, as in "Word", is normal writing.
    return (
        sum(one != other and (one, other) != ("A", "a") for one, other in pairs)
        / max(len(pairs), 1)
        * 1.35
    )


def _kind(letter: str) -> str:
    if letter.islower():
        return "a"
    if letter.isupper():
        return "A"
    return "0" if letter.isdigit() else ""
