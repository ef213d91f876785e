# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that is not known to be harmless is removed; what a maintainer needs is kept."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._redact import (
    gateway_log,
    harmless,
    redaction,
    words,
)
from hypothesis import given
from hypothesis import strategies as st

DATA = Path(__file__).resolve().parents[4] / "data/redact"
HEAD = "2026-09-14 08:12:41,507 INFO gateway.run: "
# Of the log of a real gateway, in which one user talked: what goes, and what is there instead.
WHO = r"#[0-9a-f]{8}"
GONE = (
    (r"account=\+155\*{4}8107", "account=" + WHO),
    (r"user=user 0001 chat=\+155\*{4}0001", "user=%s chat=%s" % (WHO, WHO)),
    (r"chat=\+155\*{4}0001", "chat=" + WHO),
    (r"to \+155\*{4}0001\Z", "to " + WHO),
    (r"msg='msg-8 how are you\?'", r"msg=\[18 characters\]"),
    (r"reply_to_text=''", r"reply_to_text=\[0 characters\]"),
    (r"USERS=your_id\)", "USERS=" + WHO),
    (r"'/sbin/init'", r"\[10 characters\]"),
    # A text in quotes goes with what is behind it: it may hold quotes.
    (r"`hermes gateway service install.*", r"\[\d+ characters\]"),
    ("/home/ada", "~"),
)


@pytest.fixture
def redactor():
    return redaction.Redactor(homes=["/home/ada"], salt=b"x")


def said(redactor, text):
    """``text`` as the message of a line, after redaction."""
    shown = gateway_log.log(redactor, HEAD + text)
    assert shown.startswith(HEAD) and "\n" not in shown
    return shown[len(HEAD) :]


def test_the_log_of_a_real_gateway_stays_but_for_who_and_what(redactor):
    for line in (DATA / "gateway-0.19.log").read_text().splitlines():
        left = []
        rest = line
        for gone, instead in GONE:
            rest, count = re.subn(gone, "\0%d\0" % len(left), rest)
            left += [instead] * bool(count)
        expected = re.escape(rest)
        for place, instead in enumerate(left):
            expected = expected.replace(re.escape("\0%d\0" % place), instead)
        assert re.fullmatch(expected, gateway_log.log(redactor, line)), line


@pytest.mark.parametrize(
    "text",
    [
        "[MEMORY] rss=1693.4MB peak=1901.2MB threads=42 agents=17 pid=1234567",
        "Agent cache idle sweep: evicted 3 agent(s)",
        "Session hygiene: 7 messages, ~1,000 tokens (actual) — auto-compressing (threshold: 85%)",
        "Shutdown phase: drain done at +0.23s (drain took 0.23s, timed_out=False)",
        "[Telegram] Network error: httpx.ConnectTimeout, retrying in 5s (attempt 2/10)",
        "Cannot connect to host api.telegram.org:443 ssl:default [Connection reset by peer]",
        "MemoryError: 2048 MB, 512 MiB, 17%, 0x7f3a12bc, 12:34:56, 2026-11-22T13:54:05Z, v2.1",
        "Using openai/gpt-5-mini (provider=openrouter), then claude-sonnet-4.6",
        "OSError: [Errno 24] Too many open files",
        "OSError: [Errno 28] No space left on device",
        "POST https://api.telegram.org/botX/getUpdates 409",
        "✗ telegram disconnect error after 2.25s: timed out",
        "listening on http://127.0.0.1:8642 and ~/.hermes/logs/gateway.log, state.db, #80764",
    ],
)
def test_figures_errors_and_places_stay(redactor, text):
    assert said(redactor, text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # One unknown word is a hash, the same in each line.
        ("Connecting to meyerland...", r"Connecting to #\w{8}\.\.\."),
        ("Active profile: scheidung", r"Active profile: #\w{8}"),
        ("retrying Xk3Zq9 in 5s", r"retrying #\w{8} in 5s"),
        ("retrying grace_meyer in 5s", r"retrying #\w{8} in 5s"),
        ("retrying ABCDEFGHIJ in 5s", r"retrying #\w{8} in 5s"),
        ("opening /srv/meyer/state.db failed", r"opening /srv/#\w{8}/state\.db failed"),
        (
            "proxy http://127.0.0.1:8123/ada/flur failed",
            r"proxy http://127\.0\.0\.1:8123/\[8 characters\] failed",
        ),
        ("proxy http://wohnzimmer:8123/ failed", r"proxy http://#\w{8}:8123/ failed"),
        # Several unknown words are private text, including the known words between them.
        ("failed: geh bitte zur bank und hol das geld", r"failed: \[\d+ characters\]"),
        (
            "failed: my doctor says that it hurts (retrying)",
            r"failed: \[\d+ characters\] \(retrying\)",
        ),
        ("Ready, bitte einmal die 7 drücken", r"Ready, \[\d+ characters\]"),
        ("pick up the kids either/or dentist", r"\[\d+ characters\]"),
    ],
)
def test_what_is_unknown_goes(redactor, text, shown):
    assert re.fullmatch(shown, said(redactor, text)), said(redactor, text)


@given(
    st.text(alphabet=st.characters(whitelist_categories=("Ll", "Lo")), min_size=4, max_size=20),
    st.sampled_from(
        ["Ready %s now", "[Slack] started: %s", "%s", "chat(%s)=1", "a=%s, b", "at ~/.hermes/%s/x"]
    ),
)
def test_unknown_words_are_removed(word, form):
    """Any unknown word is removed, without a pattern for it."""
    if word in words.WORDS or word in words.OTHERS:
        return
    redactor = redaction.Redactor(salt=b"x")
    shown = gateway_log.log(redactor, HEAD + form % word)[len(HEAD) :]
    assert word not in shown.replace("characters", "").replace("removed", "")


def test_host_and_user_names_are_not_words_of_a_log():
    """The name of a gateway is kept as a whole; private parts of it are not."""
    redactor = redaction.Redactor(keep=["hermes-gateway-coder@lovelace"], hosts=["buzz"], salt=b"x")
    for name in ("lovelace", "buzz"):
        assert name not in gateway_log.log(redactor, HEAD + "Ready on %s" % name)
    assert "coder" in gateway_log.log(redactor, HEAD + "Ready with coder")


TRACE = """\
Traceback (most recent call last):
  File "%s", line 12, in %s
    meyer = login("lovelace")
            ^^^^^^^^^^^^^^^^^
KeyError: 7"""


@pytest.mark.parametrize(
    "path",
    [
        "/opt/hermes/venv/lib/python3.11/site-packages/gateway/run.py",
        "/usr/lib/python3.11/asyncio/base_events.py",
        "/srv/hermes-agent/gateway/run.py",
    ],
)
def test_code_of_hermes_and_of_libraries_stays(redactor, path):
    shown = gateway_log.log(redactor, TRACE % (path, "run"))
    assert shown == TRACE % (path, "run")


def test_of_someones_own_code_the_line_number_stays(redactor):
    lines = gateway_log.log(redactor, TRACE % ("/srv/meyer-law/kanzlei.py", "scheidung")).split(
        "\n"
    )
    assert re.fullmatch(r'  File "#\w{8}", line 12, in #\w{8}', lines[1])
    assert lines[2] == "    [25 characters]"
    assert lines[4] == "KeyError: 7"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("pkg.BadInput", r"pkg\.BadInput"),
        ("ValueError", "ValueError"),
        ("aiohttp.client_exceptions.ClientConnectorError", r"aiohttp\..*ConnectorError"),
        ("Scheidung", r"#\w{8}"),
    ],
)
def test_type_of_an_exception(redactor, name, shown):
    """A type has several words or is known; one word alone may be someone's text."""
    lines = gateway_log.log(redactor, "Traceback (most recent call last):\n%s: 7" % name)
    assert re.fullmatch(shown + ": 7", lines.split("\n")[1])


def test_what_looks_like_the_head_of_a_line(redactor):
    """A message of several lines may hold one, with any word as logger and as session."""
    shown = gateway_log.log(redactor, "2026-01-01 10:00:00,000 INFO [hunter2] scheidung.meyer: x1")
    assert re.fullmatch(r"2026-01-01 10:00:00,000 INFO \[#\w{8}\] #\w{8}\.#\w{8}: #\w{8}", shown)
    head = "2026-01-01 10:00:00,000 INFO [20261122_135405_ab12cd34] hermes_plugins.%s: Ready"
    for name in ("telegram_platform.adapter", "matrix_platform.adapter"):
        assert gateway_log.log(redactor, head % name) == head % name


def test_words_are_words():
    assert len(words.WORDS) > 5000
    assert all(re.fullmatch(r"[^\W\d_]\w{0,39}", word) for word in words.WORDS | words.OTHERS)
    assert not {"Grace", "Meyer", "Ada", "Anna", "Peter", "Paul"} & (words.WORDS | words.OTHERS)


def test_five_megabytes_take_seconds(redactor):
    """A bundle holds 256 kB of a log; here a twentieth of 5 MB, as the time grows with it."""
    lines = (DATA / "gateway-0.19.log").read_text()
    text = lines * (250000 // len(lines))
    start = time.process_time()
    gateway_log.log(redactor, text)
    assert time.process_time() - start < 3


@pytest.mark.parametrize("text", ["x_" * 900, "aB" * 900, "a://" * 400, ", " * 900, "(x " * 600])
def test_a_malicious_line_is_not_slow(redactor, text):
    start = time.process_time()
    for place in range(20):
        harmless.line(redactor, text + str(place))
    assert time.process_time() - start < 2
