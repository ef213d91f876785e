# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes message texts and their authors from a gateway's log, unit and command lines.

Hermes's own redaction removes secrets from its log but keeps the start of every message. Here, a
line keeps its time, level, logger, figures and the words of Hermes's source. Text in quotes, in a
field such as msg=, or after a word such as "Response for CHAT:" is removed, and so are lines that
are neither log entries nor part of a traceback. The rest of a line goes through redaction and
people, which know what to remove, and then through harmless, which knows what may stay.
"""

from __future__ import annotations

import os
import re
import shlex
from functools import partial
from typing import Callable, Sequence

from . import harmless, people, redaction
from .redaction import Redactor

_LINE = re.compile(
    r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[,.]\d{3,6})?)"
    r"(?: - ([\w.]{1,100}))?((?: - | )(?:DEBUG|INFO|WARNING|ERROR|CRITICAL))"
    r"(?: \[([\w.-]{1,80})\])?(?: ([\w.]{1,100}): | - )(.*)\Z"
)
# Hermes's own session id: start time and random digits.
_SESSION = re.compile(r"\d{8}_\d{6}_[0-9a-f]{4,12}\Z")

_TEXT_FIELDS = (
    "msg|message|text|reply_to_text|body|content|quote|title|caption|preview|prompt|query|"
    "queries|args|arguments|transcript|reply|answer|response|topic|name|"
    "subject|summary|stdout|stderr|input|output|description|data|payload|raw|error_text|"
    "final_response|reason_text|user_name|display_name|username|alt"
)
_LITERAL = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_QUOTED_FIELD = re.compile(r"\b(" + _TEXT_FIELDS + r")=(" + _LITERAL + r")(?=[\s,;)\]}]|\Z)", re.I)
_PLAIN_FIELD = re.compile(
    r"\b(" + _TEXT_FIELDS + r")=(?!\[\d+ characters\]|None\b|\d+ chars\b)(.+)\Z", re.I
)
# "Response for 123: the text", "Voice input from user 5: ...", "MM API POST x → 400: the answer of
# the server".
_TEXT_AFTER = re.compile(
    r"((?:\b(?:response (?:for|\(\d+ chars\))|voice (?:input|state)|log-only|raw response|"
    r"http \d{3}|error \(\d+\)|returned|inbound|transcri\w*|"
    r"message|text|body|caption|content|preview|prompt|reply|answer\w*|"
    r"query|stdout|stderr|output|title|topic|subject|result|said|sent|wrote|asked|command|steer)|"
    r"→ \d{3})(?!\w)[^:=]{0,80}?:)(?! platform=)(\s*\S.*)\Z",
    re.I,
)
# "slash /ask the text": the argument of a slash command.
_SLASH = re.compile(r"(\bslash /[\w-]+\s+)(\S.*)\Z", re.I)
# A quoted word ends at its quote. A quoted text may contain quotes, so it extends to the line's
# end.
_QUOTED_WORD = re.compile(r"(?<![\w\\])(['\"`])([\w.:/-]{0,60})\1(?![\w'\"`])")
_QUOTE = re.compile(r"['\"`\u201c\u00ab\u201e]")
_QUOTED_TEXT = re.compile(r"(?<![\w\\])['\"`\u201c\u00ab\u201e](.+)\Z")

_WHO = (
    "user|user_id|chat|chat_id|sender|sender_id|from|to|channel|channel_id|group|group_id|"
    "room|guild|guild_id|thread|thread_id|session|session_key|"
    "session_id|member|account|contact|author|target|peer|home|home_channel|recipient|"
    "owner|key|msg_id|message_id|reply_to_id|event_id"
)
_WHO_FIELD = re.compile(r"\b(" + _WHO + r")=(?!None\b|#[0-9a-f]{8}\b)(.*?)(?=,? [\w.]+=|\Z)", re.I)
_WHO_WORD = re.compile(
    r"\b((?:user|chat|sender|from|channel|group|guild|thread|session|member|account|contact|by)"
    r"s?:? )"
    r"((?=\S*(?:\d|:\S|@))[^\s,;)]+)( \([^)]*\))?",
    re.I,
)
# "by Ada Lovelace", "user: ADA (Ada)": names with a capital, or with a dot and a following id.
_WHO_NAME = re.compile(
    r"\b((?:by|from|user|member|sender):? )"
    r"((?:[A-Z][\w.'-]*|[a-z]+\.[a-z]+(?= \())(?: [A-Z][\w.'-]*){0,3})"
    r"( \([^)]*\))?(?=\s*(?:\Z|[,;(]| in ))"
)
_KEY = re.compile(
    r"\b(?:agent|telegram|discord|slack|signal|whatsapp\w*|matrix|mattermost|feishu|weixin|"
    r"wecom|qqbot|line|email|sms|teams|yuanbao|bluebubbles)"
    r":(?=\S*[\d@!])\S+",
    re.I,
)
_HANDLE = re.compile(r"(?<![\w.@])@\w[\w.-]*\w{2}")
# Slack ids of channels, users and teams.
_SLACK = re.compile(r"\b[BCDGTUW](?=[A-Z0-9]*\d)[A-Z0-9]{8,11}\b")
# These words are followed by a name, which may be lower-case and have several words.
_NAMED = re.compile(
    r"\b((?:authenticated|logged in|signed in) as |workspace |contact request |"
    r"in (?:channel|room|group|chat) )(\S.*?)(?=\s*(?:\Z|[,(]| in | on | at ))",
    re.I,
)
_MESSAGE_FROM = re.compile(r"\b(message from )(?!unauthorized\b|the\b|an?\b)(\S+)( in )(\S+)", re.I)
_NUMBER = re.compile(
    r"(?<![\w#/])(?<!\d\.)(?<!rss[ =:])(?<!pid[ =:])(?<!ytes[ =:])(?<!size[ =:])"
    r"(?<!otal[ =:])(?<!imit[ =:])(?<!peak[ =:])(?<!swap[ =:])(?<!anon[ =:])"
    r"-?\d{7,}(?!\w|\.\d| ?(?:bytes?|[kKMG]i?B|B|ms|s|us|ns|tokens|chars)\b)"
)

_TRACE = re.compile(
    r"\s*(?:Traceback \(most recent call last\):|"
    r"During handling of the above exception, another exception occurred:|"
    r"The above exception was the direct cause of the following exception:)\Z"
)
_FRAME = re.compile(r"(\s+File \")([^\"]{1,300})(\", line \d+, in )([\w.<>]+)\Z")
_MARKS = re.compile(r"\s+[\^~ ]+\Z|\s+\[Previous line repeated \d+ more times?\]\Z")
_EXCEPTION = re.compile(r"([A-Za-z_][\w.]{2,120})(?:: (.*))?\Z")

# Names of variables whose values concern only memory and paths.
_PLAIN_VARIABLES = re.compile(
    r"(?:HOME|USER|LOGNAME|PATH|SHELL|LANG|LC_\w+|TZ|VIRTUAL_ENV|XDG_RUNTIME_DIR|"
    r"HERMES_HOME|HERMES_MANAGED_DIR|HERMES_GATEWAY_LOCK_DIR|LD_PRELOAD|"
    r"MALLOC_\w+|MIMALLOC_\w+|PYTHON(?:MALLOC|UNBUFFERED|DONTWRITEBYTECODE|GC|TRACEMALLOC|"
    r"FAULTHANDLER|PATH|HOME|OPTIMIZE)|GLIBC_TUNABLES)\Z"
)
_SECRET_DIRECTIVE = re.compile(
    r"(?:Set|Load|Import)Credential|LogExtraFields|(?:Condition|Assert)?Environment(?!File)|"
    r"Description|X-",
    re.I,
)

# The end of a line that continues on the next, with the comments between the two; or a comment,
# whose backslash continues nothing. See systemd.syntax(7).
_CONTINUED = re.compile(
    r"^[ \t]*[#;][^\n]*|(?<!\\)((?:\\\\)*)\\\n(?:[ \t]*[#;][^\n]*(?:\n|\Z))*[ \t]*", re.M
)

_INTERPRETER = re.compile(
    r"(?:python|pypy|node|nodejs|bun|deno|npm|npx|pnpm|yarn|uvx?|pipx|(?:ba|da|z)?sh|perl|ruby|java)"
    r"[\d.]*[td]*\Z"
)


def log(redactor: Redactor, text: str) -> str:
    """``text`` of a gateway's log without message texts, names and secrets; lines are kept."""
    reader = _Reader(redactor)
    lines = redactor.without_keys(redaction.printable(text)).split("\n")
    # The patterns are slow, and a user may write a line of megabytes.
    return "\n".join(reader.line(redaction.cut(line)) for line in lines)


class _Reader:
    """Redacts a log line by line; ``_trace`` is true inside a traceback.

    ``_frame`` is the kind of the previous line if that was a frame: "library", or "other" for
    private code. Otherwise it is None.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._trace = False
        self._frame: str | None = None

    def line(self, line: str) -> str:
        before, self._frame = self._frame, None
        entry = _LINE.match(line)
        if entry:
            self._trace = False
            return self._entry(entry)
        if _TRACE.match(line):
            self._trace = True
            return line
        if self._trace:
            shown = self._of_trace(line, before)
            if shown is not None:
                return shown
        self._trace = self._trace and not line
        return self._redactor.hidden(line) if line.strip() else ""

    def _entry(self, entry: re.Match[str]) -> str:
        time, first, level, session, logger, said = entry.groups()
        if session and not _SESSION.match(session):
            session = self._redactor.hashed(session)
        return "".join(
            (
                time,
                " - " + self._name(first) if first else "",
                level,
                " [%s]" % session if session else "",
                " %s: " % self._name(logger) if logger else " - ",
                self._message(said),
            )
        )

    def _of_trace(self, line: str, before: str | None) -> str | None:
        """A line of a traceback, None if it is not one; ``before`` is the previous ``_frame``."""
        framed = _FRAME.match(line)
        if framed:
            start, path, middle, function = framed.groups()
            self._frame = "library" if harmless.is_library(path) else "other"
            if self._frame == "library":
                return self._redactor.text(line)
            names = self._redactor.hashed(path), self._redactor.hashed(function)
            return "%s%s%s%s" % (start, names[0], middle, names[1])
        if _MARKS.match(line):
            return line
        if before and line.startswith("    "):
            if before == "library":
                return self._redactor.text(line)
            return "    " + self._redactor.hidden(line.strip())
        exception = _EXCEPTION.match(line)
        if exception is None:
            return None
        # Further lines are a multi-line text; another exception has its own header.
        self._trace = False
        name, said = exception.groups()
        return harmless.exception(self._redactor, name) + (
            "" if said is None else ": " + self._message(said)
        )

    def _name(self, dotted: str) -> str:
        return harmless.name(self._redactor, dotted)

    def _message(self, said: str) -> str:
        shown = message(self._redactor, said)
        if harmless.is_plain(self._redactor, shown):
            return shown
        return harmless.line(self._redactor, self._redactor.text(shown))


def message(redactor: Redactor, text: str) -> str:
    """The message of one line of the log without message texts and people."""
    # The patterns are slow, so each runs only if the text has a character that it needs.
    if "=" in text:
        text = _QUOTED_FIELD.sub(
            lambda found: (
                "%s=%s" % (found.group(1), redactor.hidden(_unquoted(found.group(2)), "message"))
            ),
            text,
        )
        text = _PLAIN_FIELD.sub(partial(_hidden, redactor, "="), text)
    if ":" in text:
        text = _TEXT_AFTER.sub(partial(_hidden, redactor, " "), text)
    if "/" in text:
        text = _SLASH.sub(partial(_hidden, redactor, ""), text)
    if _QUOTE.search(text):
        text = _QUOTED_WORD.sub(lambda found: redactor.hidden(found.group(2), "message"), text)
        text = _QUOTED_TEXT.sub(
            lambda found: redactor.hidden(
                found.group(1).rstrip("'\"`\u201d\u00bb\u201c"), "message"
            ),
            text,
        )
    return _without_people(redactor, text)


def _hidden(redactor: Redactor, between: str, found: re.Match[str]) -> str:
    """The first group of ``found``, and the length of the second."""
    return found.group(1) + between + redactor.hidden(found.group(2).strip(), "message")


def _without_people(redactor: Redactor, text: str) -> str:
    """``text`` without authors and places."""

    def second(found: re.Match[str]) -> str:
        return found.group(1) + redactor.hashed(found.group(2))

    def second_and_third(found: re.Match[str]) -> str:
        return found.group(1) + redactor.hashed(found.group(2) + (found.group(3) or ""))

    text = people.without_contacts(text, redactor.hashed)
    text = _MESSAGE_FROM.sub(
        lambda found: (
            found.group(1)
            + redactor.hashed(found.group(2))
            + " in "
            + redactor.hashed(found.group(4))
        ),
        text,
    )
    text = _NAMED.sub(second, text)
    if "=" in text:
        text = _WHO_FIELD.sub(
            lambda found: "%s=%s" % (found.group(1), redactor.hashed(found.group(2))), text
        )
    text = _WHO_WORD.sub(second_and_third, text)
    text = _WHO_NAME.sub(second_and_third, text)
    for pattern in (_KEY, _HANDLE, _SLACK, _NUMBER):
        text = pattern.sub(lambda found: redactor.hashed(found.group()), text)
    return text


def _unquoted(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal[1:-1])


def unit(
    redactor: Redactor, text: str, is_gateway: Callable[[list[str]], bool] = lambda argv: False
) -> str:
    """The output of ``systemctl cat`` without the values of variables and credentials.

    Comments and descriptions are removed too, because they may repeat values. Commands are reduced
    to the program, unless ``is_gateway`` identifies them as the gateway's own.
    """
    lines = []
    # systemd also ends a line at a carriage return.
    text = redaction.printable(re.sub(r"\r\n?", "\n", text))
    for line in _CONTINUED.sub(_joined, text).split("\n"):
        directive, separator, value = line.partition("=")
        directive = directive.strip()
        if line.lstrip().startswith(("#", ";")):
            is_path = re.match(r"# /[\w./@\\-]+\Z", line)
            lines.append(line if is_path else "# " + redactor.hidden(line.lstrip("#; ")))
        elif separator and directive == "Environment":
            lines.append("%s=%s" % (directive, _variables(redactor, value)))
        elif separator and _SECRET_DIRECTIVE.match(directive):
            lines.append("%s=%s" % (directive, redactor.hidden(value)))
        elif separator and directive.lower().startswith("exec"):
            lines.append("%s=%s" % (directive, _exec(redactor, value.split(), is_gateway)))
        elif separator or re.match(r"\[\w[\w -]*\]\Z|\s*\Z", line):
            lines.append(line)
        else:
            lines.append(redactor.hidden(line))
    return redactor.text("\n".join(lines))


def _joined(found: re.Match[str]) -> str:
    """What replaces a match of _CONTINUED: a comment stays."""
    return found.group() if found.group(1) is None else found.group(1) + " "


def _exec(redactor: Redactor, words: list[str], is_gateway: Callable[[list[str]], bool]) -> str:
    """The value of ExecStart= and similar: complete for a gateway, else only the program."""
    if not words:
        return ""
    # Prefixes that systemd.service(5) allows before the path.
    program = words[0].lstrip("-@:+!|")
    if is_gateway([program] + words[1:]):
        return command(redactor, words)
    return redactor.text(" ".join(words[:1] + ["..."] * (len(words) > 1)))


def _variables(redactor: Redactor, value: str) -> str:
    try:
        words = shlex.split(value)
    except ValueError:
        return redactor.hidden(value)
    shown = []
    for word in words:
        name, separator, content = word.partition("=")
        if not separator or not re.match(r"[A-Za-z_]\w{0,100}\Z", name):
            shown.append(redactor.hidden(word))
            continue
        if not _PLAIN_VARIABLES.match(name):
            content = redactor.hidden(content, "variable")
        shown.append('"%s=%s"' % (name, content))
    return " ".join(shown)


def command(redactor: Redactor, argv: Sequence[str], known: bool = True) -> str:
    """A command line as text.

    Complete for a gateway or a unit; for other programs (``known`` is False), only the program and
    its script.
    """
    if not argv:
        return ""
    if known:
        words = [redactor.hidden(word) if re.search(r"\s", word) else word for word in argv]
        return redactor.text(" ".join(words))
    # A program that sets its own title has all of it in the first word.
    shown = [os.path.basename((argv[0].split() or [""])[0])]
    script = _script(argv)
    if script:
        shown.append(script)
    if len(argv) > len(shown):
        shown.append("...")
    return redactor.text(" ".join(shown))


def _script(argv: Sequence[str]) -> str:
    """The name of the script or module that an interpreter runs; "" if there is none."""
    if not _INTERPRETER.match(os.path.basename(argv[0])):
        return ""
    runner = argv[1:2] and argv[1] in ("-m", "-y", "--yes", "exec", "run", "tool")
    rest = argv[2:] if runner else argv[1:]
    if not rest or not re.match(r"[@/.]?[A-Za-z][\w./@-]{1,200}\Z", rest[0]):
        return ""
    return "" if random_word(rest[0]) else os.path.basename(rest[0])


def random_word(word: str) -> bool:
    """Whether a word has too many digits to be the name of a script."""
    return sum(letter.isdigit() for letter in word) > 4
