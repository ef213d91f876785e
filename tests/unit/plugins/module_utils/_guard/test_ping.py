# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ping URL, with a real server: called after each check, without delaying it."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    cli,
    doctor,
    ping,
    supervised,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import SettingError

TOKEN = "t0ken-4711"


class Handler(http.server.BaseHTTPRequestHandler):
    """Records each path, and answers as the server is set to."""

    def do_GET(self):
        self.server.seen.append(self.path)
        self.send_response(self.server.code)
        for header in self.server.headers:
            self.send_header(*header)
        self.end_headers()

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def server():
    """A server of a monitoring service."""
    made = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    made.seen, made.code, made.headers = [], 200, []
    made.url = "http://127.0.0.1:%d/%s" % (made.server_address[1], TOKEN)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def silent():
    """The URL of a port that accepts connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(5)
        yield "http://127.0.0.1:%d/%s" % (listening.getsockname()[1], TOKEN)


@pytest.fixture
def place(systemd, tmp_path, monkeypatch):
    """Set the URL, with a mode; the path of its file."""
    path = tmp_path / "ping.url"
    monkeypatch.setattr(ping.guard_program, "PING_URL", str(path))
    os.makedirs(ping.config.STATE)

    def put(url, mode=0o600):
        path.write_text(url)
        path.chmod(mode)
        return path

    return put


@pytest.fixture
def configured(monkeypatch):
    """Have guard.conf name gateways (Settings)."""

    def have(*every):
        found = {one.name: one for one in every}
        monkeypatch.setattr(ping.config, "load_tolerantly", lambda: (found, []))

    have()
    return have


@pytest.fixture
def check(place, configured, monkeypatch, capsys):
    """Run ``hermes-guard check`` with a simulated check: (exit code, output)."""

    def run(lines=(), good=True, words=("check",)):
        monkeypatch.setattr(supervised, "check", lambda every, faults, full: (list(lines), good))
        code = cli.main(list(words))
        captured = capsys.readouterr()
        assert TOKEN not in captured.out + captured.err
        return code, captured.out

    return run


def test_success_and_failure(check, place, server):
    place(server.url + "\n")
    assert check() == (0, "")
    assert check(["one: is frozen"], False) == (1, "one: is frozen\n")
    assert server.seen == ["/" + TOKEN, "/%s/fail" % TOKEN]


def test_check_of_one_gateway_is_no_full_check(check, place, server, configured, settings):
    place(server.url)
    configured(settings("one.service"))
    assert check(words=("check", "--gateway", "one"))[0] == 0
    assert server.seen == []


def test_configuration_that_cannot_be_read_is_a_failure(check, place, server, monkeypatch):
    def wrong():
        raise SettingError("guard.conf is not a valid INI file")

    place(server.url)
    monkeypatch.setattr(ping.config, "load_tolerantly", wrong)
    assert check()[0] == 1
    assert server.seen == ["/%s/fail" % TOKEN]


def test_nothing_is_imported_without_a_url(check, monkeypatch):
    monkeypatch.setattr(ping, "after_check", None)
    assert check() == (0, "")


@pytest.mark.parametrize(
    ("url", "failed"),
    [
        ("https://hc-ping.com/uuid", "https://hc-ping.com/uuid/fail"),
        ("https://hc-ping.com/uuid/", "https://hc-ping.com/uuid/fail"),
        ("https://hc-ping.com/key/web1?create=1", "https://hc-ping.com/key/web1/fail?create=1"),
        ("https://h:8443", "https://h:8443/fail"),
        (
            "https://kuma/api/push/x?status=up&msg=OK&ping=",
            "https://kuma/api/push/x?status=down&msg=OK&ping=",
        ),
        ("https://kuma/api/push/x?msg=a&status=up", "https://kuma/api/push/x?msg=a&status=down"),
        # Another parameter with the same ending.
        ("https://h/x?laststatus=up", "https://h/x/fail?laststatus=up"),
    ],
)
def test_url_of_a_failure(url, failed):
    ping.check_url(url, "here")
    assert (ping.of_result(url, True), ping.of_result(url, False)) == (url, failed)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hc-ping.com/" + TOKEN,
        "ftp://h/" + TOKEN,
        "file:///etc/" + TOKEN,
        "https://",
        "https:///" + TOKEN,
        "https://h/%s x" % TOKEN,
        "https://h/%s\nhttps://h/" % TOKEN,
        "https://h/%s#x" % TOKEN,
        "https://user:%s@h/" % TOKEN,
        "https://h:0/" + TOKEN,
        "https://h:65536/" + TOKEN,
        "https://h:x/" + TOKEN,
        "https://-h/" + TOKEN,
        "https://h/ü" + TOKEN,
        "https://h/" + TOKEN * 500,
        "https://h\\" + TOKEN,
        "@ping_url@",
    ],
)
def test_url_that_is_none(url):
    with pytest.raises(SettingError, match="^hermes_watchdog_ping_url: invalid URL") as caught:
        ping.check_url(url, "hermes_watchdog_ping_url")
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["HTTP://h", "http://[::1]:80/x", "https://10.0.0.1?x", "http://h."]
)
def test_url_that_is_one(url):
    ping.check_url(url, "here")


def test_failure_is_said_once_and_by_doctor(check, place, server, monkeypatch):
    place(server.url)
    server.code = 404
    line = (
        "the ping URL failed: the server returned HTTP status 404; this is logged once until it "
        "works again\n"
    )
    assert check() == (0, line)
    server.code = 500
    assert check() == (0, "")
    (fault,) = ping.faults()
    assert fault.startswith("the ping URL failed: the server returned HTTP status 404, since 20")
    server.code = 201
    assert check() == (0, "")
    assert ping.faults() == []
    server.code = 404
    assert check() == (0, line)


def test_refused(check, place):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place("http://127.0.0.1:%d/%s" % (closed.getsockname()[1], TOKEN))
        assert check()[1].startswith("the ping URL failed: connection refused; ")


def test_name_that_is_not_known(place, monkeypatch):
    def unknown(*_arguments, **_named):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    place("http://h.invalid/" + TOKEN)
    assert ping.call(True) == "failed: its host name cannot be resolved"


@pytest.mark.parametrize("stage", ["lookup", "answer"])
def test_server_that_hangs_is_given_up(check, place, silent, monkeypatch, stage):
    """A look-up of its name too, which has no time limit."""
    place(silent)
    monkeypatch.setattr(ping, "SECONDS", 1)
    if stage == "lookup":
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_named: time.sleep(60))
    begun = time.monotonic()
    assert check(["one: done"]) == (
        0,
        "one: done\nthe ping URL failed: no answer within 1 s; this is logged once until it works "
        "again\n",
    )
    assert time.monotonic() - begun < 20


def test_lines_of_the_check_are_out_before_it_is_called(
    place, server, configured, monkeypatch, capsys
):
    """The lines of the check do not wait for a server."""
    said = []
    place(server.url)
    monkeypatch.setattr(ping, "call", lambda good: said.append(capsys.readouterr().out))
    monkeypatch.setattr(supervised, "check", lambda every, faults, full: (["one: done"], True))
    assert cli.main(["check"]) == 0
    assert said == ["one: done\n"]


@pytest.fixture
def encrypted(server, tmp_path):
    """The server with TLS, and the path of its certificate."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    more = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out"]
    subprocess.run(
        [openssl, *words.split(), *more, str(certificate)], check=True, stderr=subprocess.DEVNULL
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(certificate), str(key))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url = "https://localhost:%d/%s" % (server.server_address[1], TOKEN)
    return server, str(certificate)


def test_https(place, encrypted, monkeypatch):
    server, certificate = encrypted
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    place(server.url)
    assert ping.call(True) is None
    assert server.seen == ["/" + TOKEN]
    # The token of the URL would be sent in the clear.
    server.code, server.headers = 302, [("Location", "http://localhost/" + TOKEN)]
    assert ping.call(True) == "failed: the server returned HTTP status 302"


@pytest.mark.parametrize("trusted", [False, True])
def test_certificate_that_is_not_valid(place, encrypted, monkeypatch, trusted):
    """A self-signed certificate, and one of another host."""
    server, certificate = encrypted
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", certificate)
        server.url = server.url.replace("localhost", "127.0.0.1")
    place(server.url)
    assert ping.call(True) == "failed: TLS: certificate verify failed"
    assert server.seen == []


def test_server_without_tls(place, server):
    """Its answer is not a handshake."""
    place(server.url.replace("http:", "https:"))
    problem = ping.call(True)
    assert problem.startswith("failed: TLS: ") and TOKEN not in problem


def test_redirects(place, server):
    place(server.url)
    server.code = 302
    server.headers = [("Location", "/elsewhere")]
    real = Handler.do_GET

    def do_get(handler):
        if handler.path == "/elsewhere":
            handler.server.code, handler.server.headers = 200, []
        real(handler)

    server.RequestHandlerClass = type("Other", (Handler,), {"do_GET": do_get})
    assert ping.call(True) is None
    assert server.seen == ["/" + TOKEN, "/elsewhere"]


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "https://127.0.0.1/"]
)
def test_redirect_to_another_scheme_is_not_followed(place, server, target):
    place(server.url)
    server.code, server.headers = 302, [("Location", target)]
    assert ping.call(True) == "failed: the server returned HTTP status 302"
    assert server.seen == ["/" + TOKEN]


def test_redirects_without_end(place, server):
    place(server.url)
    server.code, server.headers = 302, [("Location", "/" + TOKEN)]
    assert ping.call(True) == "failed: the server returned HTTP status 302"


@pytest.mark.parametrize("answer", [b"hello %s\r\n\r\n", b"", b"HTTP/1.1 x%s y\r\n\r\n"])
def test_answer_that_repeats_the_token(place, answer):
    """No message contains text of the server."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(5)

        def serve():
            connection = listening.accept()[0]
            connection.recv(4096)
            connection.sendall(answer.replace(b"%s", TOKEN.encode()))
            connection.close()

        threading.Thread(target=serve, daemon=True).start()
        place("http://127.0.0.1:%d/%s" % (listening.getsockname()[1], TOKEN))
        assert ping.call(True) == "failed: the answer is not valid HTTP"


def refused(check, words):
    """The check continues; its line and doctor's have ``words``."""
    code, out = check()
    assert code == 0 and out.startswith("the ping URL is not called: ") and words in out
    (fault,) = ping.faults()
    assert fault.startswith("the ping URL is not called: ") and words in fault
    # It is logged once.
    assert check() == (0, "")


def test_hostile_file_that_others_can_read(check, place, server):
    place(server.url, 0o644)
    refused(check, "contains a secret but has mode 0644: expected 0600")
    assert server.seen == []


def test_hostile_file_of_a_megabyte(check, place):
    place("https://h/" + "x" * (1 << 20))
    refused(check, "is too large: 1048586 bytes; the limit is 2001")


def test_hostile_fifo(check, place):
    path = place("")
    path.unlink()
    os.mkfifo(path, 0o600)
    refused(check, "is not a regular file")


def test_hostile_link(check, place, tmp_path, server):
    path = place(server.url)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    refused(check, "is not a regular file")
    assert server.seen == []


def test_hostile_text(check, place):
    place(TOKEN)
    refused(check, "invalid URL")


def test_record_that_is_damaged(check, place, server):
    place(server.url)
    path = os.path.join(ping.config.STATE, "ping.json")
    for text in ("", "[]", '{"time": "x"}', "{}"):
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        ping.faults()
        assert check() == (0, "")
    server.code = 500
    with open(path, "w", encoding="utf-8") as out:
        out.write("{")
    assert check()[1] != ""
    with open(path, encoding="utf-8") as kept:
        assert TOKEN not in kept.read()


def test_full_disk_is_no_error(check, place, server, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ping.files, "write_atomic", full)
    place(server.url)
    server.code = 500
    assert check()[0] == 0


def test_notify_test_tries_it(place, server, settings, configured, capsys):
    place(server.url)
    configured(settings("one.service"))
    # A host may have a ping URL only.
    assert cli.main(["notify", "--test"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "one: no notify command is set",
        "the ping URL was called and reported success",
    ]
    configured(settings("one.service", notify_command="/bin/false"))
    assert cli.main(["notify", "--test"]) == 1
    assert cli.main(["notify", "--test", "--gateway", "one"]) == 1
    assert server.seen == ["/" + TOKEN] * 2
    configured(settings("one.service", notify_command="/bin/true"))
    server.code = 404
    capsys.readouterr()
    assert cli.main(["notify", "--test"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == (
        "the ping URL failed: the server returned HTTP status 404"
    )


def test_doctor_says_both_files(place, server, tmp_path, monkeypatch):
    secret = tmp_path / "notify.secret"
    monkeypatch.setattr(doctor.guard_program, "NOTIFY_SECRET", str(secret))
    assert doctor._secrets() == []
    secret.write_text("url = https://h/" + TOKEN)
    secret.chmod(0o640)
    assert doctor._secrets() == ["%s contains a secret but has mode 0640: expected 0600" % secret]
    secret.chmod(0o600)
    assert doctor._secrets() == []
    secret.unlink()
    os.mkfifo(secret, 0o600)
    assert doctor._secrets() == ["%s is not a regular file" % secret]


def test_record_is_readable(check, place, server):
    """`hermes-guard doctor` of an ordinary user; its output has no token."""
    place(server.url)
    server.code = 500
    check()
    path = os.path.join(ping.config.STATE, "ping.json")
    assert os.stat(path).st_mode & 0o777 == 0o644
    with open(path, encoding="utf-8") as kept:
        assert set(json.load(kept)) == {"time", "problem"}


def test_answer_that_never_ends_is_not_read():
    """A redirect with an endless body: the next address is called, and memory does not grow."""
    sent = []

    class Endless(Handler):
        def do_GET(self):
            if self.path == "/end":
                return super().do_GET()
            self.send_response(302)
            self.send_header("Location", "/end")
            self.end_headers()
            try:
                for _number in range(1 << 14):
                    self.wfile.write(b"x" * (1 << 16))
                    sent.append(1 << 16)
            except OSError:
                pass
            return None

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    made.seen, made.code, made.headers = [], 200, []
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        url = "http://127.0.0.1:%d/%s" % (made.server_address[1], TOKEN)
        assert ping._request(url) is None
        assert made.seen == ["/end"] and sum(sent) < 64 << 20
    finally:
        made.shutdown()
        made.server_close()
