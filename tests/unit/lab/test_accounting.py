# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The soak's accounting: what counts as answered, answered twice, refused and lost."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

SOURCE = Path(__file__).resolve().parents[2] / "lab/load/accounting.py"
_spec = importlib.util.spec_from_file_location("soak_accounting", SOURCE)
accounting = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(accounting)

DRAINING = "⏳ This agent is draining for a maintenance action and isn't accepting new turns right now. It'll be back in a moment — please resend shortly."
RESTARTING = "⏳ Gateway is restarting and is not accepting another turn right now."
STOPPING = "⏳ Gateway is shutting down and is not accepting new work right now."
# The texts of 0.22.2 are not in the package that the lab has.
INTERRUPTED = "Your request was not processed. Send it again if you still want me to carry it out."
NAMELESS = "gateway.busy.draining_maintenance"
RECOVERED = (
    "♻️ Recovered reply — the gateway restarted during delivery, so this may be a duplicate:\n\n"
)


@pytest.fixture
def book():
    one = accounting.Book()
    for number, sender in ((1, "a"), (2, "b"), (3, "a")):
        one.send(number, sender, float(number))
    return one


def figures(book, restarts=()):
    summary = book.summary(restarts)
    return {
        key: summary[key]
        for key in (
            "answered",
            "merged",
            "twice",
            "refused",
            "lost",
            "dropped",
            "cut_off",
            "held",
            "strange",
            "torn",
            "unasked",
        )
        if summary[key]
    }


def test_answered_alone_and_merged(book):
    book.reply("b", accounting.answer([2]), 5.0)
    assert figures(book) == {"answered": 1, "lost": 2}
    book.reply("a", accounting.answer([1, 3], 500), 6.0)
    assert figures(book) == {"answered": 3, "merged": 2}
    assert book.summary()["answer_median_s"] == 3.0
    assert book.open() == []


def test_twice(book):
    for content in (accounting.answer([1]), RECOVERED + accounting.answer([1])):
        book.reply("a", content, 5.0)
    assert figures(book) == {"answered": 1, "twice": 1, "lost": 2}


def test_answer_to_somebody_else_is_strange(book):
    book.reply("b", accounting.answer([1, 7]), 5.0)
    assert figures(book) == {"merged": 2, "strange": 2, "lost": 3}


@pytest.mark.parametrize("word", [DRAINING, RESTARTING, STOPPING, NAMELESS, INTERRUPTED])
def test_refusal_is_about_the_newest_message(book, word):
    book.reply("a", word, 5.0)
    assert (sorted(book.refused), book.open()) == ([3], [1, 2])
    book.reply("a", word, 6.0)
    assert (sorted(book.refused), book.open()) == ([1, 3], [2])
    # One more than there are messages changes nothing.
    book.reply("a", word, 7.0)
    assert figures(book) == {"refused": 2, "lost": 1}


def test_what_hermes_holds_is_answered_after_the_next_message_of_its_sender(book):
    assert book.hold(101) == {}
    book.reply("a", accounting.BUSY[0] + ". I'll respond to your message shortly.", 3.5)
    # Sent at 1, 2 and 3 seconds; "b" never got a refusal.
    book.send(4, "a", 4.0)
    book.send(5, "b", 5.0)
    assert book.hold(101) == {101: "a"}
    book.reply("a", accounting.answer([1, 3, 101]), 9.0)
    assert figures(book) == {"answered": 2, "merged": 3, "held": 2, "lost": 3}


@pytest.mark.parametrize(
    ("end_of_turn", "said", "expected"),
    [
        # Kept behind a turn that was over: Hermes had it in memory only.
        (89.9, accounting.BUSY[0] + ". I'll respond to your message shortly.", "dropped"),
        # No turn of the sender ended then, so Hermes had no reason to keep it.
        (80.0, accounting.BUSY[0] + ". I'll respond to your message shortly.", "lost"),
        # Hermes said nothing at all.
        (89.9, "", "lost"),
    ],
)
def test_what_hermes_kept_when_a_turn_ended_and_lost_at_the_restart_is_dropped(
    end_of_turn, said, expected
):
    book = accounting.Book()
    book.send(23, "a", 76.4)
    book.reply("a", accounting.answer([23]), end_of_turn)
    book.send(33, "a", 90.0)
    book.reply("a", said, 90.05)
    assert book.hold(101) == ({101: "a"} if said else {})
    restarts = [(79.5, 97.9, 103.0)]
    assert figures(book, restarts) == {"answered": 1, expected: 1}
    assert book.kinds(restarts)["closing"] == {expected: 1}
    # No process ended after the message came.
    assert figures(book, [(79.5, 85.0, 88.0)]) == {"answered": 1, "lost": 1}


def test_refusal_that_the_next_process_delivers_is_about_a_message_of_the_last(book):
    book.reply("a", RECOVERED + STOPPING, 9.0, deaf=2.5)
    book.reply("a", accounting.answer([3]), 10.0)
    assert (sorted(book.refused), sorted(book.answers), book.open()) == ([1], [3], [2])


@pytest.mark.parametrize("word", [STOPPING, "gateway.busy.drain_rejected_new_work"])
def test_refusal_of_the_last_process_that_the_next_one_delivers_without_a_mark(book, word):
    """Hermes 0.22 does so if the last one had not begun to send it."""
    book.reply("a", word, 5.0, 2.0)
    assert (sorted(book.refused), book.open()) == ([1], [2, 3])
    book.reply("a", word, 6.0, 2.0)
    assert (sorted(book.refused), book.open()) == ([1, 3], [2])


def test_refused_and_yet_answered_is_answered(book):
    book.reply("b", STOPPING, 5.0)
    book.reply("b", accounting.answer([2]), 6.0)
    assert figures(book) == {"answered": 1, "lost": 2}


@pytest.mark.parametrize(
    "content",
    [
        "⚡ Interrupting current task. I'll respond to your message shortly.",
        "♻️ Gateway online — Hermes is back and ready.",
        "",
        "⚠️ Gateway restarting — Your current task will be interrupted. Send any message after restart and I'll try to resume where you left off.",
        "done: what was asked for in msg-1",
        "msg-1 how are you?",
    ],
)
def test_other_words_are_no_answer(book, content):
    book.reply("a", content, 5.0)
    assert figures(book) == {"lost": 3}


def test_torn_answer_counts_for_nothing(book):
    whole = accounting.answer([1], 400)
    book.reply("a", whole[:200], 5.0)
    assert figures(book) == {"lost": 3, "torn": 1}
    assert not accounting.torn(whole)


def test_answer_to_nothing_is_a_turn_that_nobody_asked_for(book):
    book.reply("a", accounting.answer([], 400), 5.0)
    assert figures(book) == {"lost": 3, "unasked": 1}


def test_what_a_model_still_has_to_answer():
    def say(role, content):
        return {"role": role, "content": content}

    talk = [
        say("system", "msg-9"),
        say("user", "msg-1 hello"),
        say("assistant", accounting.answer([1])),
        say("user", "msg-2"),
        say("assistant", "xxx"),
    ]
    assert accounting.unanswered(talk) == [2]
    # An interrupted turn, what a gateway adds after a restart, a message in parts, and one that is there twice.
    parts = [{"type": "text", "text": "msg-5\n\nmsg-6"}, {"type": "image"}]
    talk += [
        say("user", "[System note: you were interrupted]"),
        say("user", parts),
        say("user", "msg-6"),
    ]
    assert accounting.unanswered(talk) == [2, 5, 6]
    assert accounting.unanswered(talk + [say("assistant", accounting.answer([2, 5, 6]))]) == []
    assert accounting.unanswered([say("user", None), {}]) == []


@given(st.lists(st.integers(0, 999999), min_size=1, unique=True), st.integers(0, 5000))
def test_answer_is_read_back(which, size):
    assert accounting.answered(accounting.answer(which, size)) == which
    assert (
        accounting.answered(accounting.answer(which, size)[: -len("msg-%d" % which[-1])]) != which
    )


@pytest.mark.parametrize(
    ("count", "restarts", "expected"),
    [(20, 1, [10]), (100, 2, [25, 75]), (1000, 10, list(range(50, 1000, 100))), (10, 0, [])],
)
def test_marks(count, restarts, expected):
    assert accounting.marks(count, restarts) == expected


def test_kinds():
    book = accounting.Book()
    for number, when in enumerate((1.0, 9.0, 12.0, 16.0, 30.0)):
        book.send(number, "a", when)
    book.reply("a", accounting.answer([0]), 2.0)
    book.reply("a", accounting.answer([1]), 13.0)
    book.reply("a", DRAINING, 14.0)
    book.reply("a", accounting.answer([3]), 25.0)
    assert book.refused == {4: 14.0}
    book.refused = {2: 14.0}
    assert book.kinds([(10.0, 15.0, 20.0)]) == {
        "idle": {"answered": 1, "lost": 1},
        "in flight": {"answered": 1},
        "closing": {"refused": 1},
        "down": {"answered": 1},
    }


def test_lost_message_belongs_to_the_restart_at_which_it_came(book):
    restarts = [(2.5, 3.5, 4.0), (10.0, 11.0, 12.0)]
    book.reply("a", accounting.answer([1]), 2.0)
    book.reply("b", accounting.answer([2]), 2.1)
    assert book.kinds(restarts) == {"idle": {"answered": 2}, "closing": {"lost": 1}}


@pytest.mark.parametrize(
    ("sent", "expected", "kind"),
    [
        # 0.25 s before the end Hermes has had its time to refuse it.
        (9.7, "lost", "closing"),
        (9.8, "cut_off", "closing"),
        (10.0, "cut_off", "down"),
        # The next process gets what comes later.
        (10.1, "lost", "down"),
    ],
)
def test_message_in_the_moment_of_the_end_is_cut_off(sent, expected, kind):
    book = accounting.Book()
    book.send(41, "a", sent)
    restarts = [(5.0, 10.0, 12.0)]
    assert book.kinds(restarts) == {kind: {expected: 1}}
    assert figures(book, restarts) == {expected: 1}
    # Without a restart, nothing excuses it; and a refusal is a refusal.
    assert figures(book) == {"lost": 1}
    book.reply("a", STOPPING, sent + 0.1)
    assert figures(book, restarts) == {"refused": 1}
