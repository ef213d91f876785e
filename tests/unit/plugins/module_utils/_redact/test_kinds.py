# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line for each kind of secret and of person, and lines that a maintainer needs as they are."""

from __future__ import annotations

import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._redact import (
    gateway_log,
    redaction,
)

# (text as it is written, what must not be left of it)
SECRETS = [
    ("DB_PW=hunter2", ["hunter2"]),
    ("pw: hunter2", ["hunter2"]),
    ("env DB_PW=hunter2 PIN=4711 tool", ["hunter2", "4711"]),
    ("requirepass hunter2", ["hunter2"]),
    ("masterauth hunter2", ["hunter2"]),
    ("redis-cli -a hunter2 ping", ["hunter2"]),
    ("sshpass -p hunter2 ssh ada@host", ["hunter2"]),
    ("mysql -uroot -phunter2 db", ["hunter2"]),
    ("db.internal:5432:hermes:ada:hunter2", ["hunter2"]),
    ("*:*:*:ada:hunter2", ["hunter2"]),
    ("https://api.example.org/v1?p=hunter2&x=1", ["hunter2"]),
    ("https://hooks.zapier.com/hooks/catch/1234/ab1cd", ["ab1cd", "1234"]),
    ("https://n8n.example.org/webhook/ab1cd", ["ab1cd"]),
    ("https://ntfy.sh/adas-topic", ["adas-topic"]),
    ("ntfy.example.org/adas-topic", ["adas-topic"]),
    ("[('x-api-key', 'hunter2')]", ["hunter2"]),
    ("(b'x-api-key', b'hunter2')", ["hunter2"]),
    ("('password', 'hunter2')", ["hunter2"]),
    ("Your verification code is 482913", ["482913"]),
    ("your OTP: 482913", ["482913"]),
    ("one-time password 48-29-13 sent", ["48-29-13"]),
    ("482913 is your login code", ["482913"]),
    ("Pairing code ABCD2345 for user", ["ABCD2345"]),
    ("code is 482913", ["482913"]),
    ("seed phrase: legal winner thank year wave sausage", ["sausage"]),
    (
        "abandon ability able about above absent absorb abstract absurd abuse access accident",
        ["ability", "accident"],
    ),
    ("key 9f 86 d0 81 88 4c 7d 65 9a 2f ea a0", ["d0 81", "ea a0"]),
    ("9f86 d081 884c 7d65 9a2f eaa0", ["d081"]),
    ("9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0", ["D0:81"]),
    ("card 4111 1111 1111 1111", ["4111 1111"]),
    ("login failed for ada@example.org with password abcd efgh ijkl mnop", ["ijkl mnop"]),
    ("mot de passe : hunter22", ["hunter22"]),
    ("contraseña: hunter22", ["hunter22"]),
    ("密码：hunter22", ["hunter22"]),
    ("пароль: hunter22", ["hunter22"]),
]
PEOPLE = [
    ("peer 2001:db8:85a3::8a2e:370:7334 left", ["370:7334"]),
    ("listening on [fe80::42:acff:fe11:2]:8642", ["acff"]),
    ("fe80::42:acff:fe11:2: refused", ["acff"]),
    ("from 2a01:4f8:1:2:3:4:5:6", ["2a01"]),
    ("link 02:42:ac:11:00:02 up", ["02:42"]),
    ("link 02-42-AC-11-00-02 up", ["02-42"]),
    ("Cannot connect to host db.meyer-law.example:5432", ["meyer"]),
    ("smtp.meyer-law.de said no", ["meyer"]),
    ("nas.fritz.local is away", ["fritz"]),
    ("host ada-laptop is slow, ADA-LAPTOP", ["ada-laptop", "ADA-LAPTOP"]),
    ("user=ada%40example.org", ["ada%40", "example.org"]),
    ("a%40b", ["a%40b"]),
    ("read /home/grace/.hermes/config.yaml", ["grace"]),
    ("read /home/grace", ["grace"]),
    ("read /home/grace/Documents/Tax 2025.pdf", ["grace", "Tax", "2025.pdf"]),
    ("read /mnt/c/Users/Ada Lovelace/Desktop/x.docx", ["Ada", "Lovelace"]),
    ("Cached document at /srv/hermes/cache/documents/doc_1a2b_Scheidung Meyer.pdf", ["Meyer"]),
    ("Sending image: https://photos.meyer.example/album/passport-grace.jpg", ["meyer", "grace"]),
    ("SMS from (415) 555-0132 received", ["555-0132"]),
    ("SMS sent to 0151 2345 6789", ["2345 6789"]),
    ("IBAN DE89 3704 0044 0532 0130 00", ["3704 0044"]),
    ("TELEGRAM_ALLOWED_USERS=123456,987654 loaded", ["123456", "987654"]),
]
# As adapters of Hermes log them.
LOGGED = [
    ("Matrix: joined !QwErTyUiOpAsDf:chat.meyer-law.example", ["QwErTy", "meyer"]),
    ("Matrix: using token of @grace.meyer:chat.example (device ABCDEFGHIJ)", ["grace", "meyer"]),
    ("Matrix: recorded !QwErTyUiOpAsDf:m.example as DM room", ["QwErTy", "m.example"]),
    ("Matrix: alias #meyers:m.example", ["meyers"]),
    ("[Slack] Failed to fetch chat info for C0AB12CD3EF: channel_not_found", ["C0AB12CD3EF"]),
    (
        "[Slack] Authenticated as @Frau Meyer in workspace Meyer & Partner (team: T0AB12CD3)",
        ["Meyer", "T0AB12CD3"],
    ),
    (
        "[Discord] Ignoring mention-only message from grace_meyer in scheidung-meyer",
        ["grace_meyer", "scheidung"],
    ),
    (
        "[Discord] Backfilling missed Discord message 1234567890123456789 in channel a-meyer",
        ["1234567890123456789", "a-meyer"],
    ),
    ("SimpleX: auto-accepting contact request Grace Meyer", ["Grace", "Meyer"]),
    ("Mattermost: authenticated as @hermes.meyer on https://chat.meyer.example", ["meyer"]),
    ("Proxy connection error to https://agent.meyer.example:8642: refused", ["meyer"]),
    (
        "[Telegram] Cached user document at "
        "/srv/hermes/cache/documents/doc_1a2b_Scheidung Meyer.pdf",
        ["Scheidung", "Meyer"],
    ),
    (
        "Matrix: invited to !QwErTyUiOpAsDf:chat.meyer-law.example — joining (is_direct=True)",
        ["QwErTyUiOpAsDf", "meyer-law"],
    ),
    (
        "Matrix: using access token for @grace.meyer:chat.meyer-law.example (device ABCDEFGHIJ)",
        ["grace", "meyer", "ABCDEFGHIJ"],
    ),
    (
        "Matrix: recorded !QwErTyUiOpAsDf:chat.meyer-law.example as DM room "
        "(inviter=@grace.meyer:chat.meyer-law.example)",
        ["QwErTyUiOpAsDf", "grace", "meyer"],
    ),
    (
        "[Discord] Backfilling missed Discord message 1234567890123456789 in channel "
        "scheidung-meyer",
        ["scheidung", "meyer", "1234567890123456789"],
    ),
    ("cmd failed: mysql -uroot -ps3cr3tPw db", ["s3cr3tPw"]),
    ("cmd failed: sshpass -p s3cr3tPw ssh ada@host", ["s3cr3tPw"]),
    ("mot de passe : secret12", ["secret12"]),
    ("contraseña: secreta12", ["secreta12"]),
    (
        "[Telegram] Sending image: "
        "https://photos.meyer.example/album/2026/passport-grace-meyer.jpg (alt=x)",
        ["passport", "grace", "meyer"],
    ),
    (
        "Mattermost: authenticated as @hermes (x1y2) on https://chat.meyer-law.example",
        ["x1y2", "meyer"],
    ),
    ("Proxy connection error to https://agent.meyer-law.example:8642: refused", ["meyer"]),
    # As Hermes shortens a number.
    ("[Signal] Sending response (312 chars) to +155****0001", ["155", "0001"]),
]
# What a maintainer needs.
KEPT = [
    "hermes 0.19.0 with Python 3.11.2, openai 2.24.0, glibc 2.36-9+deb12u13",
    "~/.hermes/logs/gateway.log and ~/.hermes/profiles/coder/config.yaml",
    "/opt/hermes/venv/lib/python3.11/site-packages/gateway/run.py:12005",
    "/etc/systemd/system/hermes-gateway.service.d/50-hermes-memory-limit.conf",
    "hermes_cli.main, agent.redact, gateway.platforms.telegram, aiohttp.web.app, logging.config",
    "/sys/fs/cgroup/system.slice/hermes-gateway.service/memory.events.local",
    "rss=1693.4MB peak=1901.2MB anon-rss:1017340kB (1775239168 bytes) 4096 tokens",
    "2026-11-22 13:54:05,556 took 00:00:12.345, at 13:54:05 UTC, 2026-11-22T13:54:05+00:00",
    "listening on http://127.0.0.1:8642, [::1]:8642, [::]:8080 and 192.168.1.20",
    "POST https://api.telegram.org/bot/getUpdates -> 409, https://openrouter.ai/api/v1 -> 502",
    "see https://github.com/NousResearch/hermes-agent/issues/23055",
    "exit code 137, status code 502, error code 2013, HTTP 429",
    "password authentication failed for user, pin the version, spin: 4, opinion: none",
    "token count: 12, max_tokens=4096, keyboard: us, monkey: 1, author: x, passed: 12",
    "std::bad_alloc, a::b::c, 12:34, 1:2:3, 10 20 30 40 50 60 70 80",
    "the session was kept because the gateway did not answer within the time that it had been given",
    "libjemalloc.so.2, python3.13t, node server.js, config.yaml, memory.csv, socket.io",
    "MALLOC_CONF=background_thread:true,dirty_decay_ms:5000,narenas:2",
]


@pytest.fixture
def redactor():
    return redaction.Redactor(homes=["/home/ada"], hosts=["ada-laptop"], salt=b"x")


def assert_gone(shown, gone):
    for part in gone:
        assert part not in shown, shown


@pytest.mark.parametrize(("text", "gone"), SECRETS + PEOPLE, ids=lambda value: str(value)[:40])
def test_a_kind_in_any_text(redactor, text, gone):
    for form in ("%s", "before %s", "x: [%s]\nafter"):
        assert_gone(redactor.text(form % text), gone)


@pytest.mark.parametrize(
    ("text", "gone"), SECRETS + PEOPLE + LOGGED, ids=lambda value: str(value)[:40]
)
def test_a_kind_in_the_log(redactor, text, gone):
    head = "2026-09-14 08:12:41,507 INFO gateway.run: "
    shown = gateway_log.log(redactor, head + text)
    assert_gone(shown[len(head) :], gone)
    assert shown.startswith(head)


@pytest.mark.parametrize("text", KEPT, ids=lambda text: text[:40])
def test_what_a_maintainer_needs_stays(redactor, text):
    assert redactor.text(text) == text


UNIT = """\
# /etc/systemd/system/hermes-gateway.service
[Unit]
Description=Adas Helfer
X-Note=hunter2
[Service]
User=hermes
ConditionEnvironment=KEY=hunter2
ExecStartPre=-/usr/bin/redis-cli -a hunter2 ping
ExecStartPre=+/usr/bin/sshpass -p hunter2 ssh ada@nas
ExecStartPre=/usr/bin/env DB_PW=hunter2 PIN=4711 /opt/tool hunter2
ExecStartPre=/bin/sh -c 'echo hunter2 | tool'
ExecStart=/opt/hermes/venv/bin/python -m hermes_cli.main gateway run --profile coder
execstop=/usr/bin/tool hunter2
MemoryMax=2G
"""


def test_of_a_unit_the_programs_and_the_gateways_own_command(redactor):
    shown = gateway_log.unit(redactor, UNIT, lambda argv: "gateway" in argv)
    assert_gone(shown, ["hunter2", "4711", "Helfer", "Adas", "nas"])
    assert shown.splitlines()[7:] == [
        "ExecStartPre=-/usr/bin/redis-cli ...",
        "ExecStartPre=+/usr/bin/sshpass ...",
        "ExecStartPre=/usr/bin/env ...",
        "ExecStartPre=/bin/sh ...",
        "ExecStart=/opt/hermes/venv/bin/python -m hermes_cli.main gateway run --profile coder",
        "execstop=/usr/bin/tool ...",
        "MemoryMax=2G",
    ]


@pytest.mark.parametrize("mark", ["# of the family bot", "  ; of the bot \\", "#\n;"])
def test_a_comment_inside_a_value_of_a_unit_does_not_end_it(redactor, mark):
    text = """\
[Service]
# said \\
Environment=HERMES_HOME=/home/ada/.hermes \\
%s
  FAMILY_WORD=hunter2rabbit \\
%s
  LOGIN=ada:letmein
ExecStartPre=/usr/bin/curl -s \\
%s
  --data user=rabbit
Slice=a\\\\
Environment=OTHER=rabbit \\
%s"""
    shown = gateway_log.unit(redactor, text % ((mark,) * 4))
    assert_gone(shown, ["rabbit", "letmein", "of the", "said"])
    lines = shown.splitlines()
    assert (lines[0], len(lines)) == ("[Service]", 6)
    assert lines[2].startswith('Environment="HERMES_HOME=~/.hermes" "FAMILY_WORD=')
    assert lines[3] == "ExecStartPre=/usr/bin/curl ..."
    assert lines[5].startswith('Environment="OTHER=')


def test_a_carriage_return_ends_a_line_of_a_unit(redactor):
    shown = gateway_log.unit(redactor, "MemoryMax=2G\rEnvironment=FAMILY_WORD=hunter2rabbit\r")
    assert_gone(shown, ["rabbit"])
    assert shown.splitlines()[0] == "MemoryMax=2G"


def test_only_interpreters_show_their_script(redactor):
    for argv in (["redis-cli", "hunter2"], ["tool", "hunter2", "x"], ["sshpass", "hunter2"]):
        assert gateway_log.command(redactor, argv, known=False) == argv[0] + " ..."
    argv = ["/usr/bin/python3.11", "/srv/mcp/server.py", "hunter2"]
    assert gateway_log.command(redactor, argv, known=False) == "python3.11 server.py ..."


WORDS = "a1:%x1 -/=@home.de ::https://x.ab/hook/ ntfy.x/ /home/a/ 00:00 "


@pytest.mark.parametrize(
    "line", ["ab " * 700, "00:" * 700, "a.b" * 700, "/home/" * 350, WORDS * 30, "x-" * 1000]
)
def test_malicious_lines_are_not_slow(redactor, line):
    """A pattern that goes back and forth would take seconds for each."""
    start = time.process_time()
    for _again in range(5):
        gateway_log.log(redactor, "2026-11-22 13:54:05,556 INFO gateway.run: " + line)
    assert time.process_time() - start < 2
