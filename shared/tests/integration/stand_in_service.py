"""Stands in for a service in tests of the supervisor: same commands, same addresses, starts in a tenth of a second.

What it does is chosen by environment variables: STAND_IN_<SERVICE>=stubborn ignores SIGTERM, =dies ends with an error
half a second after it was ready, =refuses cannot migrate.
"""

import base64
import json
import os
import secrets
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def main(service: str) -> int:
    prefix = f"{service.upper()}_"
    behaviour = os.environ.get(f"STAND_IN_{service.upper()}", "")
    command = sys.argv[1:]
    if command == ["migrate"]:
        if behaviour == "refuses":
            sys.stderr.write("the schema is in a bad mood\n")
            return 1
        return 0 if os.environ.get(prefix + "MIGRATION_DATABASE_URL") else 2
    if command == ["bootstrap", "--json"]:
        key = {"tenant_id": "t-1", "key_id": f"ak_{secrets.token_hex(4)}", "client_secret": secrets.token_hex(8)}
        print("a line before the answer")
        print(json.dumps(key))
        return 0
    print(f"{service} starts", flush=True)
    strangers = [name for name in os.environ if name.startswith("PROBES_") and service != "probes"]
    if strangers or os.environ.get(prefix + "MIGRATION_DATABASE_URL"):
        print("was given what is none of its business", flush=True)
        return 3
    servers = [
        ThreadingHTTPServer((os.environ[prefix + "HOST"], int(os.environ[prefix + name])), Answers)
        for name in ("PORT", "OPS_PORT")
    ]
    signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "stubborn" else lambda *_: os._exit(0))
    if behaviour == "dies":
        threading.Timer(0.5, lambda: (print("out of luck", flush=True), os._exit(9))).start()
    threading.Thread(target=servers[1].serve_forever, daemon=True).start()
    servers[0].serve_forever()
    return 0


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer({"status": "ready"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        who = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        self._answer({"access_token": f"token for {who.partition(':')[0]}"})

    def _answer(self, content: dict[str, str]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        return
