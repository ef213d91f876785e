# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in every possible place must not leave a host; the rest must stay readable."""

from __future__ import annotations

import importlib
import random
import re
import string

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._redact import (
    gateway_log,
    patterns,
    redaction,
)
from hypothesis import given
from hypothesis import strategies as st

LETTERS = string.ascii_letters + string.digits
_dice = random.Random(20261122)


def made(length, alphabet=LETTERS):
    """A token, made here and put together below, so that no scanner takes this file for a leak."""
    return "".join(_dice.choice(alphabet) for _place in range(length))


HEX = "0123456789abcdef"
CAPITALS = string.ascii_uppercase + string.digits
PEM = "\n".join(
    ["-----BEGIN RSA " + "PRIVATE KEY-----"]
    + [made(64, LETTERS + "+/") for _line in range(6)]
    + ["-----END RSA " + "PRIVATE KEY-----"]
)

# kind: (the text as it is written, the secret parts of it)
PLANTED = {}


def plant(kind, text, *secrets):
    PLANTED[kind] = (text, secrets or (text,))


plant("openai", "sk-" + "proj-" + made(20) + "T3Blbk" + "FJ" + made(20))
plant("openai, short", "sk-" + made(32))
plant("anthropic", "sk-" + "ant-api03-" + made(93, LETTERS + "-_") + "AA")
plant("openrouter", "sk-" + "or-v1-" + made(64, HEX))
plant("telegram", "7" + made(9, string.digits) + ":" + "AA" + made(33, LETTERS + "-_"))
plant("discord", "M" + made(23) + "." + made(6) + "." + made(38, LETTERS + "-_"))
plant(
    "discord webhook",
    "https://discord.com/api/webhooks/" + made(18, string.digits) + "/" + made(68),
)
plant(
    "slack bot",
    "xox" + "b-" + made(12, string.digits) + "-" + made(12, string.digits) + "-" + made(24),
)
plant(
    "slack app",
    "xapp" + "-1-A" + made(10, CAPITALS) + "-" + made(13, string.digits) + "-" + made(64, HEX),
)
plant(
    "slack webhook",
    "https://hooks.slack"
    + ".com/services/T"
    + made(8, CAPITALS)
    + "/B"
    + made(8, CAPITALS)
    + "/"
    + made(24),
)
plant("github", "gh" + "p_" + made(36))
plant("github, fine-grained", "github" + "_pat_" + made(22) + "_" + made(59))
plant("gitlab", "glp" + "at-" + made(20))
plant("aws key", "AK" + "IA" + made(16, CAPITALS))
plant("aws secret", made(18) + "/" + made(10) + "+" + made(10))
plant("google api", "AI" + "za" + made(35, LETTERS + "-_"))
plant("google oauth", "ya" + "29." + made(60, LETTERS + "-_"))
plant("jwt", "eyJ" + made(33) + "." + "eyJ" + made(80) + "." + made(43, LETTERS + "-_"))
plant("private key", PEM, *PEM.split("\n")[1:-1])
plant("bearer", "Authorization: Bearer " + made(24), *[PLANTED["openai"][0]][:0])
PLANTED["bearer"] = (PLANTED["bearer"][0], (PLANTED["bearer"][0].split()[-1],))
plant("bearer alone", "Bearer zq" + made(12))
PLANTED["bearer alone"] = (PLANTED["bearer alone"][0], (PLANTED["bearer alone"][0].split()[-1],))
plant("api key header", "x-api-key: k7 some words", "k7 some words")
plant("basic auth url", "https://ada:hunter2" + "@git.example.org/repo.git", "hunter2")
plant("token url", "https://tok3nvalue" + "@git.example.org/repo.git", "tok3nvalue")
plant("database url", "postgresql://hermes:p4ss/w#rd" + "@db.internal:5432/hermes", "p4ss/w#rd")
plant("redis url", "redis://:s3cret" + "@cache:6379/0", "s3cret")
plant("query", "https://api.example.org/v1?user=1&access_token=qwertz12&x=1", "qwertz12")
plant("stripe", "sk" + "_live_" + made(24))
plant("stripe webhook", "wh" + "sec_" + made(32))
plant("twilio", "AC" + made(32, HEX))
plant("sendgrid", "SG" + "." + made(22, LETTERS + "-_") + "." + made(43, LETTERS + "-_"))
plant("npm", "np" + "m_" + made(36))
plant(
    "npmrc", "//registry.npmjs.org/:_authToken=" + made(8, HEX) + "-1234-1234-1234-" + made(12, HEX)
)
plant("pypi", "py" + "pi-AgEIcHlwaS5vcmc" + made(90, LETTERS + "-_"))
plant("huggingface", "h" + "f_" + made(34))
plant("groq", "gs" + "k_" + made(52))
plant("password", "password=hunter2", "hunter2")
plant("password with spaces", "smtp_password: correct horse battery staple", "correct", "staple")
plant("password in quotes", '"db_passwd": "correct \'horse\'"', "correct", "horse")
plant("password option", "mysqldump --password opensesame", "opensesame")
plant("cookie", "Set-Cookie: sid=abc123; Path=/", "abc123")
plant("hex", made(64, HEX))
plant("md5", made(32, HEX))
plant("base64", made(86, LETTERS + "+/") + "==")
plant("small letters and digits", made(32, string.ascii_lowercase + string.digits))
plant("pass", "SMTP_PASS: hunter2", "hunter2")
plant("json in json", '{\\"api_key\\": \\"hunter2\\"}', "hunter2")
plant("curl", "curl -u ada:hunter2 https://example.org/", "hunter2")
plant("percent-encoded url", "url=https%3A%2F%2Fada%3Ahunter2%40example.org%2F", "hunter2")
plant("azure", "AccountKey=" + made(86, LETTERS + "+/") + "==")
# Short, and of letters that no figure, hash or word of a bundle has.
plant("environment", "SIGNAL_AUTH_CODE=Qz7", "Qz7")


@pytest.fixture
def redactor():
    return redaction.Redactor(salt=b"x")


def pieces(secret):
    """The secret and the halves of a long one: a part is as secret as the whole."""
    half = len(secret) // 2
    return [secret] + ([secret[:half], secret[half:]] if len(secret) >= 24 else [])


def assert_gone(kind, text):
    for secret in PLANTED[kind][1]:
        for piece in pieces(secret):
            assert piece not in text, "%s got through: %r" % (kind, text)


WHERE = {
    "bare": "%s",
    "in prose": "it failed with %s today",
    "assigned": "value=%s",
    "quoted": "{'x': '%s'}",
    "json": '{"value": "%s", "n": 1}',
    "url": "see https://example.org/%s",
    "brackets": "(%s)",
    "after a colon": "key: %s",
    "command": "tool --flag %s --other 1",
}


def test_more_than_twenty_kinds():
    assert len(PLANTED) >= 40


@pytest.mark.parametrize("where", sorted(WHERE))
@pytest.mark.parametrize("kind", sorted(PLANTED))
def test_in_any_text(redactor, kind, where):
    text = redactor.text("before\n" + WHERE[where] % PLANTED[kind][0] + "\nafter")
    assert_gone(kind, text)
    assert text.startswith("before\n")


@pytest.mark.parametrize(
    "form",
    [
        "2026-11-22 13:54:05,556 WARNING gateway.run: Send failed %s",
        (
            "2026-11-22 13:54:05,556 ERROR [20261122_135405_ab12cd] "
            "gateway.platforms.telegram: error (%s), giving up"
        ),
        "2026-11-22 13:54:05,556 - gateway.run - INFO - %s",
        (
            "2026-11-22 13:54:05,556 INFO gateway.run: inbound message: platform=telegram "
            "user=Ada chat=5 msg='here: %s' reply_to_id=None reply_to_text=''"
        ),
        (
            'Traceback (most recent call last):\n  File "/opt/x.py", line 3, in call\n    '
            'post("%s")\nValueError: bad %s'
        ),
        "%s",
    ],
)
@pytest.mark.parametrize("kind", sorted(PLANTED))
def test_in_the_log(redactor, kind, form):
    assert_gone(kind, gateway_log.log(redactor, form.replace("%s", PLANTED[kind][0])))


@pytest.mark.parametrize(
    "form",
    [
        '[Service]\nEnvironment="X=%s" "HERMES_HOME=/home/ada/.hermes"',
        "[Service]\nEnvironment=X=%s",
        '[Service]\nEnvironment=A=1 \\\n  "X=%s" \\\n  B=2',
        "[Service]\n# was: %s\nType=simple",
        "[Service]\n  ; X=%s",
        "[Service]\nSetCredential=key:%s",
        "[Service]\nExecStart=/usr/bin/tool --flag %s run",
        "[Service]\nEnvironment='X=%s",
        "[Service]\nenvironment=X=%s",
    ],
)
@pytest.mark.parametrize("kind", sorted(PLANTED))
def test_in_a_unit(redactor, kind, form):
    text = gateway_log.unit(redactor, form.replace("%s", PLANTED[kind][0]))
    assert_gone(kind, text)
    assert text.startswith("[Service]\n")


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("kind", sorted(PLANTED))
def test_in_a_command_line(redactor, kind, known):
    planted = PLANTED[kind][0]
    for argv in (
        ["tool", planted],
        ["tool", "--flag=" + planted],
        ["tool", "-H", planted, "run"],
        ["node", "server.js"] + planted.split(),
    ):
        assert_gone(kind, gateway_log.command(redactor, argv, known))


@pytest.mark.parametrize(
    "kind", ["private key", "jwt", "anthropic", "slack bot", "sendgrid", "aws secret", "hex"]
)
def test_a_secret_that_was_cut_off(redactor, kind):
    """The log is read from its end, so its first line may be the rest of anything."""
    whole = PLANTED[kind][0]
    for cut in range(1, len(whole) - 30, 7):
        assert whole[cut:].split("\n")[0] not in gateway_log.log(redactor, whole[cut:])
        shown = redactor.text("x " + whole[:-cut])
        assert max(re.findall(r"[A-Za-z0-9+/_=-]+", whole[:-cut]), key=len) not in shown


ORDINARY = """\
2026-11-22 13:54:05,556 INFO gateway.run: Starting Hermes Gateway...
2026-11-22 13:54:05,597 INFO gateway.run: Agent budget: max_iterations=40 (agent.max_turns from config.yaml, or HERMES_MAX_ITERATIONS from .env, or default 90)
2026-11-22 13:54:05,597 INFO gateway.run: Secret redaction: ENABLED (tool output, logs, and chat responses are scrubbed before delivery)
2026-11-22 13:54:05,665 INFO gateway.platforms.api_server: [Api_Server] API server listening on http://127.0.0.1:8642 (model: hermes-agent)
2026-11-22 13:54:05,669 INFO gateway.run: ✓ api_server connected
2026-11-22 13:54:06,000 INFO gateway.run: [MEMORY] rss=1693.4MB peak=1901.2MB threads=42 agents=17 pid=1234567
2026-11-22 13:54:06,100 INFO gateway.run: anon-rss:1017340kB rss=1775239168 (1775239168 bytes) max_tokens=4096 prompt_tokens=812345 context 200000
2026-11-22 13:54:06,200 INFO gateway.run: Agent cache idle sweep: evicted 3 agent(s)
2026-11-22 13:54:06,300 WARNING gateway.run: ✗ telegram disconnect error after 2.25s: timed out
2026-11-22 13:54:06,400 INFO [20261122_135405_ab12cd34] gateway.run: Session expiry done: 5 finalized, 0 pending retry
Traceback (most recent call last):
  File "/opt/hermes/venv/lib/python3.11/site-packages/gateway/run.py", line 12005, in _handle_message_with_agent
    session_entry = await self.async_session_store.get_or_create_session(source)
                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  [Previous line repeated 3 more times]
aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host 127.0.0.1:8080 ssl:default [Connection refused]"""


@pytest.mark.parametrize("line", ORDINARY.split("\n"), ids=lambda line: line[-50:])
def test_ordinary_lines_of_a_log_survive(redactor, line):
    assert line in gateway_log.log(redactor, ORDINARY).split("\n")


@pytest.mark.parametrize(
    "line",
    [
        (
            "Linux 6.12.41+deb13-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.12.41-1 (2025-08-12) "
            "x86_64 GNU/Linux"
        ),
        "systemd 252 (252.39-1~deb12u2)",
        "version:          0.19.0 [(unknown)]",
        "openai_sdk:       2.24.0",
        "  anthropic            not set",
        "  github               set",
        "api_key: not set",
        "model:            anthropic/claude-sonnet-4.6",
        "ExecStart=/opt/hermes/venv/bin/python -m hermes_cli.main gateway run",
        "tokens: 12",
        "author: Ada",
        "MemoryCurrent=1775239168",
        (
            "ControlGroup=/user.slice/user-1001.slice/user@1001.service/app.slice/"
            "hermes-gateway-coder.service"
        ),
        "DefaultEnvironmentFilePropagationTimeoutSec",
        "  ⚠ discord (missing DISCORD_BOT_TOKEN)",
        "libjemalloc.so.2 glibc 2.36-9+deb12u13",
        "LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
        "MALLOC_CONF=background_thread:true,dirty_decay_ms:5000,muzzy_decay_ms:5000,narenas:2",
        "2026-11-22T13:54:05+00:00 18.3 MB/h [16.9, 19.8], p = 1.2e-16",
        "password: not set",
        "token=None",
    ],
)
def test_ordinary_lines_of_other_programs_survive(redactor, line):
    assert redactor.text(line) == line


SAID = 'my doctor says that it\'s "fine" = ok'


@pytest.mark.parametrize(
    "line",
    [
        (
            "inbound message: platform=telegram user=Ada Lovelace chat=-1001234567890 msg=%r "
            "reply_to_id=77 reply_to_text=%r"
        )
        % (SAID, SAID),
        "Processing queued message after agent completion: '%s...'" % SAID,
        (
            "Approval response via plain text: session=agent:main:telegram:dm:123456789 "
            "verb=yes args=%r"
        )
        % SAID,
        "[webhook] Response for webhook:123456789: %s" % SAID,
        "[webhook] direct-deliver log-only: %s" % SAID,
        "Voice input from user 123456789: %s" % SAID,
        "Forwarded update prompt to agent:main:telegram:dm:123456789: %s" % SAID,
        "MM API POST posts → 400: %s" % SAID,
        "[Feishu-Comment] reply_to_comment: comment_id=7234567890123 text=%s" % SAID,
        "[Feishu-Comment] query_document_meta: title=%s url=None" % SAID,
        "Unauthorized user: 123456789 (Ada Lovelace) on telegram",
        "Sent shutdown notification to active chat telegram:123456789",
        (
            "Dropping message from unauthorized user in active session: user=123456789 (Ada "
            "Lovelace), platform=telegram, session=agent:main:telegram:dm:123456789"
        ),
        (
            "mail from ada.lovelace@example.org, phone +49 170 1234567, id "
            "8b6a2c1e-1d2f-4c3b-9a8e-123456789abc"
        ),
        "\u201c%s\u201d" % SAID,
        "steered by @ada_lovelace: '%s" % SAID,
        # As the adapters of 0.19.0 log them.
        "[sms] inbound from +15551239999 -> +1555***9999: %s" % SAID,
        "[Feishu-Comment] Agent response (41 chars): %s" % SAID,
        "slash /ask %s: interaction expired" % SAID,
        "Proxy error (502) from http://127.0.0.1:8642: %s" % SAID,
        "response_url POST returned 404: %s" % SAID,
        "Sending image: https://example.org/a.png (alt=%s)" % SAID,
        "Voice state: Ada Lovelace (123456789) joined doctor says",
        "ignoring mention-only message from Ada Lovelace",
        "clarify answered with 2 by Ada Lovelace",
        "button click by ada.lovelace (123456789)",
        "Unauthorized user: UADALOVE (Ada Lovelace)",
        "members with ids 123456789, 1001234567890",
        "pair (-1001234567890,123456789)",
        "user:123456789 (id:123456789)",
    ],
)
def test_texts_and_people_are_removed_from_the_log(redactor, line):
    shown = gateway_log.log(redactor, "2026-11-22 13:54:05,556 INFO gateway.run: " + line)
    assert shown.startswith("2026-11-22 13:54:05,556 INFO gateway.run: ")
    for part in (
        "doctor",
        "fine",
        "says",
        "Ada",
        "ADA",
        "Lovelace",
        "lovelace",
        "123456789",
        "1001234567890",
        "1234567",
        "8b6a2c1e",
        " ok",
    ):
        assert part not in shown[42:], shown
    assert re.search(r"\[\d+ characters\]|#[0-9a-f]{8}", shown)


def test_a_message_keeps_its_length_and_a_chat_its_identity(redactor):
    line = (
        "2026-11-22 13:54:05,556 INFO gateway.run: inbound message: platform=telegram user=Ada "
        "chat=-100123 msg=%r reply_to_id=None reply_to_text=''"
    )
    one, other = gateway_log.log(redactor, "\n".join([line % "it's", line % "hunter2"])).split("\n")
    assert "msg=[4 characters]" in one and "msg=[7 characters]" in other
    assert re.search(r"chat=#\w{8}", one).group() == re.search(r"chat=#\w{8}", other).group()
    assert re.search(r"chat=#\w{8}", one).group() not in gateway_log.log(
        redaction.Redactor(salt=b"y"), line % ""
    )


def test_a_line_that_is_not_a_log_entry_is_removed(redactor):
    text = gateway_log.log(
        redactor,
        (
            "rest of a message\n2026-11-22 13:54:05,556 INFO gateway.run: Ready\nand more\n  "
            'File "/x", line 1, in y\n    also text\n'
        ),
    )
    assert text == (
        "[17 characters]\n2026-11-22 13:54:05,556 INFO gateway.run: Ready\n[8 "
        "characters]\n[25 characters]\n[13 characters]\n"
    )


def test_the_text_of_an_exception(redactor):
    text = gateway_log.log(
        redactor,
        (
            'Traceback (most recent call last):\n  File "/x.py", line 1, in y\n    '
            "f(x)\npkg.BadInput: cannot parse 'my doctor says'\nmy doctor"
        ),
    )
    assert (
        text.split("\n")[3] == "pkg.BadInput: cannot parse [14 characters]" and "doctor" not in text
    )


def test_an_exception_of_several_lines(redactor):
    lines = (
        'Traceback (most recent call last):\n  File "/x.py", line 1, in y\n    '
        "f(x)\nValueError: cannot parse reply\nDiagnosis: fine\nBerlin\n"
    )
    chained = (
        "\nThe above exception was the direct cause of the following exception:\n\nTraceback "
        "(most recent call last):\nKeyError: 5"
    )
    shown = gateway_log.log(redactor, lines + chained)
    assert "Diagnosis" not in shown and "Berlin" not in shown
    assert shown.endswith(chained.strip("\n"))


def test_a_key_in_a_log_does_not_take_the_rest_of_it(redactor):
    line = "2026-11-22 13:54:05,556 INFO gateway.run: Ready"
    for key in (PEM, PEM.rsplit("\n", 2)[0]):
        shown = gateway_log.log(
            redactor,
            "2026-11-22 13:54:05,556 ERROR gateway.run: Send failed "
            + key
            + "\n"
            + "\n".join([line] * 50),
        )
        assert shown.split("\n")[1:] == [line] * 50 and "[private_key removed]" in shown


@pytest.mark.parametrize(
    "name",
    [
        "Qwen3-Coder-480B-A35B-Instruct",
        "unsloth/Qwen3-30B-A3B-GGUF",
        "Qwen/Qwen3-Next-80B-A3B-Instruct",
        "Mixtral-8x7B-Instruct-v0.1",
        "hermes-gateway-1a2b3c4d",
    ],
)
def test_names_of_models_and_units_are_kept(name):
    redactor = redaction.Redactor(keep=[name])
    for text in (name, "model: %s." % name, "/system.slice/%s.service" % name.rpartition("/")[2]):
        assert redactor.text(text) == text


def test_names_of_variables_stay(redactor):
    head = "# /etc/systemd/system/hermes-gateway.service\n[Service]\n"
    text = gateway_log.unit(
        redactor, head + 'Environment="PATH=/usr/bin" "FOO=bar baz"\nMemoryMax=2G\n# note to self\n'
    )
    assert (
        text
        == head
        + 'Environment="PATH=/usr/bin" "FOO=[7 characters]"\nMemoryMax=2G\n# [12 characters]\n'
    )


def test_children_are_shown_by_what_they_run(redactor):
    assert (
        gateway_log.command(
            redactor, ["/usr/bin/node", "/srv/mcp/server.js", "--chat", "hello"], known=False
        )
        == "node server.js ..."
    )
    assert (
        gateway_log.command(redactor, ["bash", "-c", "echo my doctor says"], known=False)
        == "bash ..."
    )
    assert (
        gateway_log.command(redactor, ["claude: summarise what my doctor says"], known=False)
        == "claude:"
    )
    assert (
        gateway_log.command(redactor, ["npm exec @x/server /home/ada/secret"], known=False) == "npm"
    )


def test_ids_of_systemd_are_kept():
    invocation = made(32, HEX)
    assert redaction.Redactor(keep=[invocation]).text("life " + invocation) == "life " + invocation


def test_homes_are_written_short():
    assert (
        redaction.Redactor(homes=["/srv/ada", "/"]).text("/srv/ada/.hermes and /srv/adam")
        == "~/.hermes and /srv/adam"
    )


def test_what_was_removed_is_counted(redactor):
    redactor.text("password=hunter2 and " + PLANTED["jwt"][0])
    redactor.text(PLANTED["jwt"][0])
    assert redactor.removed == {"assignment": 1, "jwt": 1}


@pytest.mark.parametrize(
    "line",
    [
        "a" * 100000,
        "token" * 20000,
        "//" * 20000,
        "-" * 50000,
        "://" * 20000,
        "=" * 50000,
        "'\"" * 20000,
        "-----BEGIN A-----" * 3000,
        "http://" * 300 + " ",
        "%3A%2F%2F" * 2000,
    ],
)
def test_no_line_is_slow(redactor, line):
    """Patterns that go back and forth would: the suite would time out here."""
    gateway_log.log(redactor, "2026-11-22 13:54:05,556 INFO gateway.run: " + line + "\n" + line)
    gateway_log.unit(redactor, line)


@given(st.text(max_size=300))
def test_any_text_can_be_redacted(text):
    redactor = redaction.Redactor(salt=b"x")
    for shown in (
        redactor.text(text),
        gateway_log.log(redactor, text),
        gateway_log.unit(redactor, text),
        gateway_log.command(redactor, [text]),
    ):
        assert all(letter.isprintable() or letter in "\n\t" for letter in shown)


@given(
    st.text(alphabet=LETTERS + "-_", min_size=40, max_size=80).filter(
        lambda text: len(set(text)) > 20 and sum(letter.isdigit() for letter in text) > 4
    )
)
def test_a_second_pass_finds_nothing_new(text):
    redactor = redaction.Redactor(salt=b"x")
    once = redactor.text("x " + text)
    assert redactor.text(once) == once


def test_random_strings_are_recognized():
    dice = random.Random(7)
    for alphabet, length in (
        (LETTERS + "+/", 40),
        (LETTERS + "-_", 43),
        (LETTERS, 32),
        (string.ascii_lowercase + string.digits, 32),
    ):
        missed = sum(
            not redaction.random_looking("".join(dice.choice(alphabet) for _place in range(length)))
            for _try in range(1000)
        )
        assert missed <= 20


def test_rules_are_those_of_detect_secrets():
    """A newer detect-secrets with other patterns is seen here; without the package there is nothing
    to compare with.
    """
    plugins = pytest.importorskip("detect_secrets.plugins")
    for kind, pattern, case in patterns.DETECT_SECRETS:
        module = importlib.import_module("%s.%s" % (plugins.__name__, kind))
        lists = [
            value.__dict__.get("denylist", ())
            for value in vars(module).values()
            if isinstance(value, type)
        ]
        known = [rule for rules in lists if isinstance(rules, (list, tuple)) for rule in rules]
        assert any(
            rule.pattern == pattern and bool(rule.flags & re.I) is not case for rule in known
        ), kind
