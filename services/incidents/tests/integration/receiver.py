"""A service that takes messages over HTTP, on loopback, as Apprise's json:// sends them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Receiver:
    """A real HTTP server. It answers with `status`, the JSON of `answer`, and with `location` if there is one; or it
    hangs until closed. `asked` are the headers of everything that came, `taken` what it accepted.
    """

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.status, self.location, self.hangs = 200, "", False
        self.answer: Any = None
        self._closing = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked.append({name.lower(): value for name, value in self.headers.items()})
                if receiver.hangs:
                    receiver._closing.wait(20)
                    return
                if receiver.status == 200:
                    receiver.taken.append(json.loads(body))
                self.send_response(receiver.status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                answer = b"" if receiver.answer is None else json.dumps(receiver.answer).encode()
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"json://127.0.0.1:{self.port}/hook-of-secret"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def titles(self) -> list[str]:
        return [str(message["title"]) for message in self.taken]

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
