# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes addresses of people and machines, accounts, and names of files that people send.

Each pattern has a function that returns the replacement. What many machines have in common is kept:
private IPv4 addresses, loopback addresses, and the services that Hermes talks to.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Callable

# Returns the replacement of a name: a short hash.
Hashed = Callable[[str], str]

_MAIL = re.compile(
    r"[\w.+-]{1,64}(?:@(?![\w.-]+\.(?:service|slice|scope|timer)\b)[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}"
    r"|%40[\w.-]+)"
)
_MATRIX = re.compile(r"(?<![\w.])[@!#$][\w.=+-]{1,255}:[\w-]+(?:\.[\w-]+)+(?::\d{1,5})?")
# Also in the form in which Hermes masks a number: +155****0001.
_PHONE = re.compile(
    r"\+?\d{1,6}\*{2,}\d{1,6}(?!\w)|"
    r"\+\d[\d ()-]{5,17}\d(?!\w)|\(\d{3}\) ?\d{3}-\d{4}\b|\b\d{3}-\d{3}-\d{4}\b|"
    r"(?<![\w.-])0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,4}\b"
)
# Fewer digits than a telephone or account number has.
_DIGITS = re.compile(r"\d\D{0,3}\d\D{0,3}\d\D{0,3}\d")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
_MAC = re.compile(r"(?<![\w:-])[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}(?![\w:-])", re.I)
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
# A time has two colons; an address has seven, or two in a row.
_IPV6 = re.compile(
    r"(?<![\w:.])(?=[0-9a-f:]*::|(?:[0-9a-f]{1,4}:){7})[0-9a-f:]{0,38}[0-9a-f:](?<!\w:)(?!\w)", re.I
)
_IDS = re.compile(
    r"\b((?:\w+_)?(?:ALLOWED|ADMIN|OWNER|HOME)_(?:USER|CHAT|CHANNEL|ROOM|ID|NUMBER|GROUP|GUILD)S?"
    r"(?:_\w+)?=[\"']?)([^\s\"';]+)"
)
# Domain endings that are not also endings of files, modules or methods.
_HOST = re.compile(
    r"(?<![\w.@-])(?:[a-z0-9](?:[a-z0-9-]{0,62})\.)+(?:com|net|org|edu|gov|io|co|ai|dev|cloud|xyz|"
    r"lan|local|internal|intranet|corp|localdomain|example|de|fr|uk|nl|eu|ch|at|se|dk|fi|be|cz|pl|"
    r"jp|cn|kr|br|ru|us|ca|au|nz)(?![\w-]|\.\w)",
    re.I,
)
_URL = re.compile(r"(https?://)([^\s/:?#\"'<>@\[\]]+)(:\d{1,5})?([/?#][^\s\"'<>)\]]*)?", re.I)
# Public services, and files and libraries that look like host names.
_KNOWN = frozenset(
    "api.telegram.org core.telegram.org discord.com gateway.discord.gg slack.com matrix.org "
    "api.openai.com api.anthropic.com api.x.ai x.ai openrouter.ai api.groq.com api.mistral.ai "
    "api.deepseek.com generativelanguage.googleapis.com inference-api.nousresearch.com "
    "nousresearch.com portal.nousresearch.com github.com api.github.com raw.githubusercontent.com "
    "huggingface.co pypi.org files.pythonhosted.org registry.npmjs.org python.org docs.python.org "
    "hooks.slack.com hooks.zapier.com ntfy.sh host.docker.internal host.containers.internal "
    "memory.events.local memory.swap.events.local cgroup.events.local pids.events.local rc.local "
    "socket.io engine.io".split()
)
_HOME = re.compile(
    r"(?<![\w.~-])(?:/mnt/[a-z])?/(?:home|Users)/"
    r"(?:[^\s/:'\"<>|,;)\]}]+(?: [A-Z][^\s/:'\"]{0,40})?(?=/)|[^\s/:'\"<>|,;)\]}]+)|"
    r"\b[A-Za-z]:\\Users\\[^\s\\:'\"<>|]+"
)
# The type of a file is useful; its name is private.
_DOCUMENT = re.compile(
    r"/([^/\n\"'<>|:]{1,120})\.(pdf|docx?|xlsx?|pptx?|odt|ods|rtf|jpe?g|png|gif|webp|heic|mp[34]|"
    r"ogg|oga|opus|wav|m4a|mov|webm|zip|eml|vcf|ics)\b",
    re.I,
)


def without_contacts(line: str, hashed: Hashed) -> str:
    """``line`` without contact addresses and numbers of people."""

    def whole(found: re.Match[str]) -> str:
        return hashed(found.group())

    # The patterns are slow, so each runs only if the line has a character that it needs.
    if "@" in line or "%40" in line:
        line = _MAIL.sub(whole, line)
    if ":" in line:
        line = _MATRIX.sub(whole, line)
    return _PHONE.sub(whole, _IBAN.sub(whole, line)) if _DIGITS.search(line) else line


def without(line: str, hashed: Hashed, own_host: re.Pattern[str] | None) -> str:
    """``line`` without people and machines; ``own_host`` matches the names of this machine."""

    def whole(found: re.Match[str]) -> str:
        return hashed(found.group())

    line = without_contacts(line, hashed)
    if ":" in line or "-" in line:
        line = _MAC.sub(whole, line)
        line = _IPV6.sub(lambda found: _of_address(found.group(), hashed), line)
    line = _IPV4.sub(lambda found: _of_address(found.group(), hashed), line)
    line = _IDS.sub(lambda found: found.group(1) + hashed(found.group(2)), line)
    if "://" in line:
        line = _URL.sub(lambda found: _of_url(found, hashed), line)
    line = _HOST.sub(lambda found: _of_host(found.group(), hashed), line)
    return own_host.sub(whole, line) if own_host else line


def without_homes(line: str) -> str:
    """``line`` with home directories as "~" and without names of documents."""
    if "/" not in line and "\\" not in line:
        return line
    line = _HOME.sub("~", line)
    return _DOCUMENT.sub(
        lambda found: "/[%d characters].%s" % (len(found.group(1)), found.group(2)), line
    )


def hosts_pattern(names: list[str]) -> re.Pattern[str] | None:
    """A pattern for the ``names`` of this machine; None without names."""
    words = [re.escape(name) for name in sorted(set(names), key=len, reverse=True) if name]
    return re.compile(r"(?<![\w-])(?:%s)(?![\w-])" % "|".join(words), re.I) if words else None


def _of_address(text: str, hashed: Hashed) -> str:
    """A hash of an address, unless many machines have the same one."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if address.version == 4:
        return hashed(text) if address.is_global else text
    # Even a private IPv6 address may contain a MAC address.
    return text if address.is_loopback or address.is_unspecified else hashed(text)


def is_known_host(name: str) -> bool:
    """Whether ``name`` is a public service, and not a private machine."""
    return name.lower() in _KNOWN


def _of_host(name: str, hashed: Hashed) -> str:
    return name if is_known_host(name) else hashed(name)


def _of_url(found: re.Match[str], hashed: Hashed) -> str:
    """The URL, unchanged if its host is a public service, an IP address or has no domain."""
    scheme, host, port, path = found.groups()
    if is_known_host(host) or "." not in host or re.match(r"[\d.]+\Z", host):
        return found.group()
    shown = "/[%d characters]" % len(path) if path and len(path) > 1 else path or ""
    return scheme + hashed(host) + (port or "") + shown
