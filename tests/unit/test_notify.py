# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The literal examples of docs/notify.md, against a server on this machine."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import socketserver
import stat
import threading
import urllib.parse
from pathlib import Path

import pytest
import yaml
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    alarms,
    config,
    notify,
    ping,
)

TOP = Path(__file__).resolve().parents[2]
PAGE = TOP / "docs/notify.md"
GUARD = TOP / "plugins/module_utils/_guard"
REASON = 'RSS "2 GB" & $HOME \\ 100 % <b> ü'
ENTRY = {"event": "alert", "code": "threshold", "reason": REASON, "time": 1.5, "sample": None}
ROW = {"rss_bytes": 7, "tree_rss_bytes": 8, "swap_bytes": 1}

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


class Handler(http.server.BaseHTTPRequestHandler):
    """Records each request; refuses it if the server is set to."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.seen.append((self.path, dict(self.headers), body))
        self.send_response(self.server.code)
        self.end_headers()

    def log_message(self, *_arguments):
        pass


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as a sender needs."""

    def handle(self):
        self.say("220 here")
        for raw in self.rfile:
            word = raw.decode().strip()
            verb = word.partition(" ")[0].upper()
            if verb == "EHLO":
                self.say("250-here")
                self.say("250 AUTH PLAIN")
            elif verb == "DATA":
                self.say("354 go on")
                lines = []
                for line in self.rfile:
                    if line == b".\r\n":
                        break
                    lines.append(line)
                self.server.seen.append(b"".join(lines))
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            elif verb == "AUTH":
                self.say("334 ")
                self.rfile.readline()
                self.say("235 in")
            else:
                self.say("250 ok")

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")


@pytest.fixture
def serve():
    """Start a server; it is stopped after the test."""
    started = []

    def start(kind, handler):
        server = kind(("127.0.0.1", 0), handler)
        server.seen, server.code = [], 200
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def example(name):
    """The variables of an example."""
    found = re.search(r"^### %s\n.*?^```yaml\n(.*?)^```" % name, PAGE.read_text(), re.M | re.S)
    values = yaml.safe_load(found.group(1))
    return values["hermes_watchdog_notify_command"], values["hermes_watchdog_notify_secret"]


def send(monkeypatch, tmp_path, command, secret):
    """Send ENTRY by the command; what notify.send says."""
    path = tmp_path / "notify.secret"
    path.write_text(secret)
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    monkeypatch.setattr(notify.guard_program, "NOTIFY_SECRET", str(path))
    one = config.Settings("hermes-gateway", {"notify_command": command})
    return notify.send(one, dict(ENTRY, sample=ROW))


@pytest.fixture
def web(serve, monkeypatch, tmp_path):
    """Send by an example whose address is that of a server here: (its problem, what was seen)."""

    def run(name, code=200):
        server = serve(http.server.HTTPServer, Handler)
        server.code = code
        command, secret = example(name)
        # The token is not in the command line.
        assert "your" not in command
        here = "http://127.0.0.1:%d/" % server.server_address[1]
        problem = send(monkeypatch, tmp_path, command, re.sub(r"https://[^/]+/", here, secret))
        return problem, server.seen

    return run


def test_ntfy(web):
    problem, seen = web("ntfy")
    ((path, headers, body),) = seen
    assert (problem, path, body) == (None, "/your-secret-topic", REASON)
    assert headers["Authorization"] == "Bearer tk_your_token"
    assert headers["Title"].startswith("alert: hermes-gateway on ")


def test_telegram(web):
    problem, seen = web("Telegram")
    ((path, _headers, body),) = seen
    said = urllib.parse.parse_qs(body)
    assert (problem, path) == (None, "/bot123456:your-token/sendMessage")
    assert said["chat_id"] == ["-1001234567890"]
    assert said["text"][0].endswith(": " + REASON)


def test_slack(web):
    problem, seen = web("Slack")
    ((path, headers, body),) = seen
    assert (problem, path) == (None, "/services/T000/B000/your-token")
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body)["text"].endswith(": " + REASON)


@pytest.mark.parametrize("name", ["ntfy", "Telegram", "Slack"])
def test_service_that_refuses_it(web, name):
    assert web(name, 401)[0] == "failed (exit code 22)"


def test_mail(serve, monkeypatch, tmp_path):
    server = serve(socketserver.TCPServer, Mail)
    command, secret = example("E-mail")
    here = "smtp://127.0.0.1:%d" % server.server_address[1]
    secret = secret.replace("smtps://mail.example.org", here)
    assert send(monkeypatch, tmp_path, command, secret) is None
    (message,) = server.seen
    assert b"\r\nSubject: alert: hermes-gateway on " in message
    assert message.endswith(b"\r\n\r\n" + REASON.encode() + b"\r\n")


def test_apprise(monkeypatch, tmp_path):
    """Its own program is not here: what it would be started with is."""
    command, secret = example("Apprise")
    program = tmp_path / "apprise"
    program.write_text('#!/bin/sh\nprintf "%%s\\n" "$@" > %s/words\n' % tmp_path)
    program.chmod(0o755)
    command = command.replace("exec apprise", "exec %s" % program)
    assert send(monkeypatch, tmp_path, command, secret) is None
    words = (tmp_path / "words").read_text().splitlines()
    assert words[0] == "--config=%s" % (tmp_path / "notify.secret")
    assert words[2] == "--body=" + REASON


def test_ping_urls_of_the_page():
    """Each is taken, and is called after a failure as the service expects it."""
    called = []
    for block in re.findall(
        r"^```yaml\n(hermes_watchdog_ping_url: .*)\n```", PAGE.read_text(), re.M
    ):
        url = yaml.safe_load(block)["hermes_watchdog_ping_url"]
        if url.startswith("{{"):
            continue
        url = url.replace("{{ inventory_hostname }}", "web1")
        ping.check_url(url, "docs/notify.md")
        called.append(ping.of_result(url, False))
    assert called == [
        "https://hc-ping.com/your-uuid/fail",
        "https://hc-ping.com/your-ping-key/web1/fail?create=1",
        "https://kuma.example.org/api/push/your-token?status=down",
    ]


def test_every_event_and_code_is_on_the_page():
    """As the tables of the page have them, in a row or in a list of codes."""
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE.read_text(), re.M)
    named = {word for row in rows for word in re.findall(r"`([a-z-]+)`", row)}
    sources = "".join(path.read_text() for path in sorted(GUARD.glob("*.py")))
    raised = set(re.findall(r"alarms\.alert\(\s*\w+, row, \"([a-z-]+)\"", sources))
    raised |= set(re.findall(r"check_alerts\.alert\(\s*settings, \"([a-z-]+)\"", sources))
    assert {"stuck", "no-unit", "unsafe", "unanswered", "silent", "gone"} <= raised
    assert raised | {alarms.NEAR, *alarms.OTHERS, *alarms.RAISES, "reminder", "recovered"} <= named
