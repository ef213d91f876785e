# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every message is accounted for: answered once, answered twice, refused with a word, or lost. Pure functions and one book.

A message carries its number as ``msg-NUMBER``. The stub of the model answers ``done: msg-NUMBER ...`` with the numbers of every user message
since its last finished answer, so that messages which the gateway merged into one turn are matched too.
"""

from __future__ import annotations

import re
import statistics

NUMBER = re.compile(r"\bmsg-(\d{1,6})\b")
ANSWER = re.compile(r"\bdone:((?: msg-\d{1,6}\b)+)")
BEGINNING = "x" * 60
# The end of an answer where no message waits for one.
NOTHING = "done: nothing"
# Hermes's reply to a sender whose last message it is still processing.
BUSY = ("⚡ Interrupting current task", "gateway.busy.ack")
# A turn whose answer came this close to a message was about to end, or had just ended, when the message arrived.
TURN_END_SECONDS = 2.0
# Hermes reads what comes this close to the end of its connection, and can no longer refuse it: see "What is not covered" in docs/restart.md.
# Its refusal takes 0.1 s, more on a loaded machine.
CUT_OFF_SECONDS = 0.25
# Events this close to a message that got no reply may explain it.
STORY_SECONDS = 60
# Hermes's reply to the sender of a message that it refuses: while the drain marker exists, and during the shutdown.
RECOVERED = "♻️ Recovered reply"
REFUSAL = re.compile(
    r"please resend|not accepting (?:another turn|new work)|please send it again"
    # Of a turn that was interrupted, from 0.22 on.
    r"|your request was not processed"
    # A release that comes without its texts says the names of them.
    r"|\bgateway\.busy\.(?:draining_maintenance|drain_rejected)",
    re.IGNORECASE,
)
# What it says only while it ends; from 0.22 on the next process delivers that too, without RECOVERED.
ENDING = re.compile(r"is shutting down|is restarting|\bgateway\.busy\.drain_rejected")


def text(number, words="how are you?"):
    """The text of message ``number``."""
    return "msg-%d %s" % (number, words)


def numbers(content):
    """The numbers in the content of a chat message: a str, or a list of parts, in order and each once."""
    if isinstance(content, list):
        content = " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return list(
        dict.fromkeys(
            int(found) for found in NUMBER.findall(content if isinstance(content, str) else "")
        )
    )


def unanswered(messages):
    """The numbers in the user messages behind the last finished answer of a model's conversation (list of dict)."""
    found = []
    for message in reversed(messages):
        if message.get("role") == "assistant" and answered(message.get("content")):
            break
        if message.get("role") == "user":
            found = numbers(message.get("content")) + found
    return list(dict.fromkeys(found))


def answer(which, size=0):
    """A reply to the messages ``which``; the numbers stand at its end, so that an answer that was cut off counts for nothing."""
    end = "done: " + " ".join("msg-%d" % number for number in which) if which else NOTHING
    return BEGINNING + ("\n" + "y" * 79) * max(0, (size - 60) // 80) + "\n" + end


def answered(content):
    """The numbers that a reply answers; none where it is no finished answer."""
    found = ANSWER.search(content) if isinstance(content, str) else None
    return [int(number) for number in NUMBER.findall(found.group(1))] if found else []


def unasked(content):
    """Whether a message to the user is an answer to nothing: a turn that the gateway began by itself."""
    return content.rstrip().endswith(NOTHING)


def torn(content):
    """Whether a message to the user is the beginning of an answer without its end."""
    return content.startswith(BEGINNING) and not answered(content) and not unasked(content)


class Book:
    """The outcome of every message. Times are seconds of one clock."""

    def __init__(self):
        self.sent = {}
        self.answers = {}
        self.merged = set()
        self.refused = {}
        self.torn = self.unasked = 0
        self.strange = []
        # What happened: (when, sender, words).
        self.events = []
        # See `hold`: {sender: when it was last told BUSY}, what was kept, and what was sent for it.
        self.busy = {}
        self.held = set()
        self.more = set()

    def send(self, number, sender, when):
        """``sender`` has sent message ``number``."""
        self.sent[number] = (sender, when)
        self.events.append((when, sender, "sends msg-%d" % number))

    def reply(self, sender, content, when, deaf=float("inf")):
        """The gateway has said ``content`` to ``sender``: an answer, a refusal, or something else that is not counted.

        ``deaf`` is when the process before this one stopped to listen: what it owed, and this one delivers, is about a message from before.
        """
        self.events.append((when, sender, "was told %r" % content[-70:]))
        which = answered(content)
        for number in which:
            if number in self.more:
                continue
            if self.sent.get(number, (None,))[0] == sender:
                self.answers.setdefault(number, []).append(when)
            else:
                self.strange.append(number)
        if content.startswith(BUSY):
            self.busy[sender] = when
        self.torn += torn(content)
        self.unasked += unasked(content)
        if len(which) > 1:
            self.merged.update(which)
        if not which and REFUSAL.search(content):
            # It names no message: it is about the newest one that has had no word yet.
            waiting = [one for one in self.open() if self.sent[one][0] == sender]
            before = [one for one in waiting if self.sent[one][1] <= deaf]
            if content.startswith(RECOVERED):
                waiting = before
            elif deaf < float("inf") and ENDING.search(content):
                waiting = before or waiting
            if waiting:
                self.refused[waiting[-1]] = when

    def kept(self):
        """The numbers that nothing has come for but the word that Hermes is busy.

        A message that comes in the moment in which a turn of the same chat ends can be put behind
        that turn when it is over. It is answered after the next message of its sender.
        """
        return [
            number
            for number in self.open()
            if self.busy.get(self.sent[number][0], 0) > self.sent[number][1]
        ]

    def dropped(self, restarts):
        """The numbers that Hermes kept behind a turn that was over, and lost at one of ``restarts``.

        They are in no state that Hermes publishes, so no restart can wait for them.
        """
        return [
            number
            for number in self.kept()
            if any(self.sent[number][1] < deaf for _asked, deaf, _again in restarts)
            and any(
                abs(when - self.sent[number][1]) <= TURN_END_SECONDS
                for other, times in self.answers.items()
                if self.sent[other][0] == self.sent[number][0]
                for when in times
            )
        ]

    def cut_off(self, restarts):
        """The numbers that came in the last moment before Hermes disconnected at one of ``restarts``, and have no reply.

        No restart can prevent that: nobody outside Hermes knows which message comes next.
        """
        return [
            number
            for number in self.open()
            if any(
                0 <= deaf - self.sent[number][1] <= CUT_OFF_SECONDS
                for _asked, deaf, _again in restarts
            )
        ]

    def missing(self, restarts):
        """{number: "cut_off", "dropped" or "lost"} for every message without a reply, with ``restarts`` as for kinds."""
        return {
            **dict.fromkeys(self.open(), "lost"),
            **dict.fromkeys(self.dropped(restarts), "dropped"),
            **dict.fromkeys(self.cut_off(restarts), "cut_off"),
        }

    def hold(self, first):
        """What to send so that Hermes answers what it keeps: {number from ``first`` on: sender}."""
        kept = self.kept()
        self.held.update(kept)
        found = dict(enumerate(dict.fromkeys(self.sent[number][0] for number in kept), first))
        self.more.update(found)
        return found

    def settled(self, number):
        """Whether the sender has received an answer or a refusal."""
        return number in self.answers or number in self.refused

    def open(self):
        """The numbers of the messages without a reply."""
        return [number for number in self.sent if not self.settled(number)]

    def story(self, number, restarts):
        """The events around message ``number``, a line each, to find out why it has no reply.

        ``restarts`` is a list as for kinds; where nobody knows when it was asked for, that is None.
        """
        sender, sent = self.sent[number]
        words = ("a restart is asked for", "it listens no more", "it listens again")
        around = [
            (when, "", word) for times in restarts for when, word in zip(times, words) if when
        ]
        return [
            "%+.1f s %s %s" % (when - sent, who, what)
            for when, who, what in sorted(around + self.events)
            if who in ("", sender) and abs(when - sent) < STORY_SECONDS
        ]

    def kinds(self, restarts):
        """What became of the messages by when they came, with ``restarts`` a list of (asked for, listens no more, listens again).

        {kind: {outcome: count}}: in flight, where it had had no word when the restart was asked for; closing, before the gateway stopped
        to listen; down, before it listened again; idle, the rest.
        """
        found = {}
        missing = self.missing(restarts)
        for number, (_sender, sent) in self.sent.items():
            outcome = (
                "answered"
                if number in self.answers
                else "refused"
                if number in self.refused
                else missing[number]
            )
            word = min(self.answers.get(number, []) + [self.refused.get(number, float("inf"))])
            kind = "idle"
            for asked, deaf, again in restarts:
                # The first that it saw: one that was lost has had no word at any later one either.
                if sent < again and asked < word:
                    kind = "in flight" if sent < asked else "closing" if sent < deaf else "down"
                    break
            counts = found.setdefault(kind, {})
            counts[outcome] = counts.get(outcome, 0) + 1
        return found

    def summary(self, restarts=()):
        """The figures of the run (dict), with ``restarts`` as for kinds. A message that was refused and yet answered counts as answered."""
        waits = [times[0] - self.sent[number][1] for number, times in self.answers.items()]
        missing = list(self.missing(restarts).values())
        return {
            "sent": len(self.sent),
            "answered": len(self.answers),
            "merged": len(self.merged),
            "twice": sum(len(times) > 1 for times in self.answers.values()),
            "refused": sum(number not in self.answers for number in self.refused),
            "lost": missing.count("lost"),
            "dropped": missing.count("dropped"),
            "cut_off": missing.count("cut_off"),
            "held": sum(number in self.answers for number in self.held),
            "torn": self.torn,
            "unasked": self.unasked,
            "strange": len(self.strange),
            "answer_median_s": rounded(median(waits)),
            "answer_max_s": rounded(max(waits, default=None)),
        }


def median(values):
    """The median of a list, or None where it is empty."""
    return statistics.median(values) if values else None


def rounded(value):
    """``value`` to a tenth; None stays."""
    return None if value is None else round(value, 1)


def marks(count, restarts):
    """Behind which of ``count`` messages the restarts come: evenly, none at the very start or end."""
    return [int(count * (index + 0.5) / restarts) for index in range(restarts)]
