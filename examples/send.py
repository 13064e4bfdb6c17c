"""Posts examples of events to a receiver, signed as flowengine signs them: to try a receiver without a call.

pip install standardwebhooks
WEBHOOK_SECRET=whsec_… python send.py http://127.0.0.1:8100/hooks events/handoff.decided.json
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import Request, urlopen
from uuid import uuid4

from standardwebhooks import Webhook


def post(address: str, secrets: list[str], body: str) -> str:
    """What the receiver answers. Each post is news: its id is a new one."""
    id, now = f"example-{uuid4().hex}", datetime.now(UTC)
    headers = {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(id, now, body) for secret in secrets),
    }
    try:
        with urlopen(Request(address, body.encode(), headers), timeout=30) as answer:
            return f"taken ({answer.status})"
    except OSError as mistake:  # also an answer that is not 2xx
        return f"not taken: {mistake}"


if __name__ == "__main__":
    if not (secrets := os.environ.get("WEBHOOK_SECRET", "").split()):
        sys.exit("Set WEBHOOK_SECRET to the whsec_… of the receiver (see README.md).")
    if len(sys.argv) < 3:
        sys.exit("python send.py ADDRESS EVENT.json …")
    answers = {file: post(sys.argv[1], secrets, Path(file).read_text("utf-8")) for file in sys.argv[2:]}
    for file, answer in answers.items():
        print(f"{file}: {answer}")
    sys.exit(any(not answer.startswith("taken") for answer in answers.values()))
