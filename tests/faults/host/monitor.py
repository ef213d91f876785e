# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A monitoring service on a lab host: notes the path of each call. Arguments: the port and the file."""

from __future__ import annotations

import http.server
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    """Takes every call."""

    def do_GET(self):
        with open(sys.argv[2], "a", encoding="utf-8") as out:
            out.write(self.path + "\n")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments):
        """Nothing: the journal of the host must not have the token."""


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
