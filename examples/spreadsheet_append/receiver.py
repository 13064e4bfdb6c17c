"""Takes what a flowengine receptionist posts, verifies it, and appends a row to a CSV file for each.

pip install standardwebhooks
WEBHOOK_SECRET=whsec_… python receiver.py calls.csv
"""

from __future__ import annotations

import csv
import json
import os
import sys
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

COLUMNS = ("id", "time", "event", "call", "department", "what", "details", "link")
MOST_BODY = 256 * 1024  # bytes
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet may take for a formula at the start of a cell


def cell(value: object) -> str:
    """Text that a spreadsheet shows and does not calculate: callers choose these words."""
    text = "" if value is None else str(value)
    return "'" + text if text.lstrip(" ").startswith(FORMULA) else text


def row(id: str, event: dict[str, Any]) -> list[str]:
    data = event.get("data", {})
    fields = data.get("fields", {})
    pairs = [(f.get("label"), f.get("value")) for f in fields] if isinstance(fields, list) else list(fields.items())
    details = "; ".join(f"{label}: {value}" for label, value in pairs)
    what = data.get("headline") or data.get("kind") or data.get("outcome")
    values = (id, clock(event.get("timestamp")), event.get("type"), data.get("call_id"), data.get("department"), what)
    return [cell(value) for value in (*values, details, data.get("link"))]


def clock(timestamp: object) -> str:
    """The time on this machine's wall, as spreadsheets read it."""
    try:
        return f"{datetime.fromisoformat(str(timestamp)).astimezone():%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return ""


class Sheet:
    """A CSV file with one row for each id, also over a restart."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        if not path.exists():
            self._write(list(COLUMNS))
        with path.open(newline="", encoding="utf-8") as file:
            self._seen = {line[0] for line in csv.reader(file) if line}

    def append(self, id: str, event: dict[str, Any]) -> None:
        with self._lock:
            if cell(id) not in self._seen:
                self._write(row(id, event))
                self._seen.add(cell(id))

    def _write(self, cells: list[str]) -> None:
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(cells)


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], sheet: Sheet, secrets: list[str]) -> None:
        super().__init__(address, Handler)
        self.sheet, self.webhooks = sheet, [Webhook(secret) for secret in secrets]

    def verified(self, body: bytes, headers: dict[str, str]) -> dict[str, Any] | None:
        """The event, or None. With two secrets, while one replaces the other, either will do."""
        for webhook in self.webhooks:
            try:
                webhook.verify(body, headers)
                event = json.loads(body)
                return event if isinstance(event, dict) else None
            except (WebhookVerificationError, ValueError):
                continue
        return None


class Handler(BaseHTTPRequestHandler):
    server: Receiver
    timeout = 5  # seconds for somebody who dawdles

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MOST_BODY:
            self._answer(413)
            return
        event = self.server.verified(self.rfile.read(int(length)), dict(self.headers.items()))
        if event is None:
            self._answer(401)
            return
        self.server.sheet.append(self.headers["webhook-id"], event)
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: requests come from one place, and what they hold is in the sheet."""


if __name__ == "__main__":
    if not (secrets := os.environ.get("WEBHOOK_SECRET", "").split()):
        sys.exit("Set WEBHOOK_SECRET to the whsec_… that flowengine signs with (see README.md).")
    sheet = Sheet(Path(sys.argv[1] if len(sys.argv) > 1 else "calls.csv"))
    where = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8200"))
    Receiver(where, sheet, secrets).serve_forever()
