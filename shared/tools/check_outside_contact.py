"""Refuse code that speaks to others, unpacks what others made, or makes files for spreadsheets, at a new place.

Every module that opens connections is in ``OUTBOUND`` with who chooses the address; every one that reads a format that
can blow up or reach out is in ``READS``. A new one has to be entered. Besides, everywhere: every wait for others has an
end, certificates are checked, secrets are compared in constant time, and tables for spreadsheets are made by
``shared.csv_lines`` and ``shared.workbook`` alone. What ruff's rules S (bandit's) find is not looked for again.

Run: ``.venv/bin/python shared/tools/check_outside_contact.py``
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from workspace import ROOT, Violation, dotted_name, imported_names, parse, python_files, report, source_folders

ANYONE = "anyone"
"""Users choose the address: guarded, and shown by a test to be."""
OPERATOR = "operator"
"""Whoever runs the installation chose it."""
NOBODY = "nobody"
"""Opens no connection, although it imports what could."""

OUTBOUND: Mapping[str, str] = {
    "services/incidents/src/incidents/adapters/channel_addresses.py": ANYONE,
    "services/incidents/src/incidents/adapters/chat.py": ANYONE,
    "services/incidents/src/incidents/adapters/fence.py": ANYONE,
    "services/incidents/src/incidents/adapters/imap.py": ANYONE,
    "services/incidents/src/incidents/jobs/external_tools.py": ANYONE,
    "services/probes/src/probes/adapters/checks/connection.py": ANYONE,
    "services/probes/src/probes/adapters/checks/dns_lookup.py": ANYONE,
    "services/probes/src/probes/adapters/checks/http.py": ANYONE,
    "services/probes/src/probes/adapters/checks/icmp.py": ANYONE,
    "services/probes/src/probes/adapters/checks/names.py": OPERATOR,  # this machine's resolvers
    "services/probes/src/probes/adapters/checks/rdap.py": ANYONE,
    "services/probes/src/probes/adapters/checks/traceroute.py": ANYONE,
    "services/probes/src/probes/adapters/checks/websocket.py": ANYONE,
    "services/probes/src/probes/worker.py": NOBODY,  # the name of this machine
    "services/reporting/src/reporting/adapters/domain_proof.py": OPERATOR,  # the operator's resolvers
    "services/reporting/src/reporting/adapters/openid.py": ANYONE,
    "services/reporting/src/reporting/adapters/upstream.py": OPERATOR,
    "services/reporting/src/reporting/adapters/webhook_sender.py": ANYONE,
    "shared/src/shared/auth.py": OPERATOR,  # and the keys of providers, for openid.py with its client
    "shared/src/shared/jetstream.py": OPERATOR,
    "shared/src/shared/mail.py": OPERATOR,
    "shared/src/shared/outbound_http.py": ANYONE,
    "shared/src/shared/service.py": OPERATOR,
    "shared/src/shared/service_process.py": NOBODY,  # listens
    "shared/src/shared/span_export.py": OPERATOR,
    "shared/src/shared/worker.py": ANYONE,  # makes the guarded client of a process
}
READS: Mapping[str, str] = {
    "services/contracts/src/contracts/adapters/document_yaml.py": "no tags, no aliases, a limit for values",
    "services/incidents/src/incidents/adapters/mime.py": "lines and parts are counted before the parser sees a mail",
    "services/reporting/src/reporting/adapters/evidence_spool.py": "checksums only",
    "services/reporting/src/reporting/adapters/evidence_verifier.py": "refuses what is compressed before it reads",
    "services/reporting/src/reporting/adapters/feeds.py": "writes XML, reads none",
    "services/reporting/src/reporting/adapters/last_pages.py": "what it packed itself, in memory",
    "services/reporting/src/reporting/adapters/pictures.py": "unpacks no more than the header of the picture allows",
    "services/reporting/src/reporting/adapters/response_times.py": "what it packed itself, from its own table",
    "services/reporting/src/reporting/adapters/rollups.py": "what it packed itself, from its own table",
    "services/reporting/src/reporting/jobs/rebuild.py": "checksums only",
}
"""Modules that read archives, compressed bytes, XML, YAML or mails, and why that is no way to exhaust memory."""

NOT_LOOKED_AT = ("shared/src/shared/stack/", "shared/src/shared/testing/", "shared/src/shared/cli/")
"""On the machine of whoever starts it, with addresses of his own."""

_CONNECTS = frozenset(
    {
        *("httpx", "httpcore", "requests", "aiohttp", "urllib3", "urllib.request", "http.client", "xmlrpc.client"),
        *("pycurl", "websockets", "apprise", "socket", "socketserver", "paramiko", "asyncssh", "ldap3", "telnetlib"),
        *("aiosmtplib", "smtplib", "imaplib", "poplib", "ftplib"),
        *("dns.resolver", "dns.asyncresolver", "dns.query", "dns.asyncquery"),
    }
)
_READS = frozenset(
    {
        *("zipfile", "tarfile", "gzip", "bz2", "lzma", "zlib", "zstandard", "brotli", "PIL", "openpyxl", "pypdf"),
        *("xml", "lxml", "defusedxml", "yaml", "plistlib", "pickle", "marshal", "shelve"),
        *("email.parser", "email.message_from_bytes", "email.message_from_string"),
    }
)
_CONNECTING_CALLS = frozenset({"asyncio.open_connection", "asyncio.open_unix_connection", "nats.connect"})
_NAMES_OF_HTTPX = frozenset(
    f"httpx.{name}"
    for name in (
        *("HTTPError", "HTTPStatusError", "TransportError", "TimeoutException", "ConnectError", "InvalidURL"),
        *("URL", "Headers", "Request", "Response", "Timeout", "codes"),
    )
)
_CONNECTING_METHODS = frozenset({"create_connection", "create_datagram_endpoint", "sock_connect", "getaddrinfo"})

# What waits for somebody else, and the argument that ends the wait.
_WAITS: Mapping[str, str] = {
    "httpx.AsyncClient": "timeout",
    "httpx.Client": "timeout",
    "aiosmtplib.send": "timeout",
    "aiosmtplib.SMTP": "timeout",
    "psycopg.connect": "connect_timeout",
    "psycopg.AsyncConnection.connect": "connect_timeout",
    "socket.create_connection": "timeout",
    "subprocess.run": "timeout",
    "urllib.request.urlopen": "timeout",
    "nats.connect": "connect_timeout",
}
# Hashes are no secrets: rows are found by them, and nobody learns a preimage from how long that takes.
_SECRET = re.compile(r"(?:^|_)(?:token|secret|password|signature|hmac|mac|csrf)$")
_NO_SECRETS = {"services/probes/src/probes/adapters/checks/icmp.py": "the token tells our echoes from others'"}
_TABLES = {"csv": "shared/src/shared/csv_lines.py", "xlsxwriter": "shared/src/shared/workbook.py"}


def find_violations(root: Path = ROOT) -> Iterator[Violation]:
    """Every place below ``root`` that is not entered in the tables, and every entry that no place needs any more."""
    seen: set[str] = set()
    for folder in source_folders(root).values():
        for path in python_files(folder):
            relative = path.relative_to(root)
            if str(relative).startswith(NOT_LOOKED_AT):
                continue
            tree = parse(path)
            imports = list(_imports(tree))
            seen |= {str(relative)}
            yield from _unentered(relative, imports, tree)
            names = imported_names(tree)
            for node in ast.walk(tree):
                reason = _reason(node, names) or (_compared(node) if str(relative) not in _NO_SECRETS else None)
                if reason:
                    yield Violation(relative, getattr(node, "lineno", 1), reason)
    if root == ROOT:
        for entry in sorted((OUTBOUND.keys() | READS.keys()) - seen):
            yield Violation(Path(entry), 1, "is entered and not there: take it out of the table")


def _imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _unentered(path: Path, imports: list[tuple[str, int]], tree: ast.Module) -> Iterator[Violation]:
    for name, line in imports:
        if str(path) not in OUTBOUND and _is_one_of(name, _CONNECTS) and not _only_named(tree, name):
            yield Violation(path, line, f"{name} opens connections: enter the module in OUTBOUND")
        if str(path) not in READS and _is_one_of(name, _READS):
            yield Violation(path, line, f"{name} reads what can blow up: enter the module in READS, with its limit")
        for library, home in _TABLES.items():
            if _is_one_of(name, {library}) and str(path) != home:
                yield Violation(path, line, f"tables are made by {home}: nothing in one is ever a formula")
    names = imported_names(tree)
    for node in (each for each in ast.walk(tree) if isinstance(each, ast.Call)):
        if str(path) not in OUTBOUND and _connects(node, names):
            yield Violation(path, node.lineno, "opens a connection: enter the module in OUTBOUND")
        if str(path) not in READS and _is_one_of(dotted_name(node.func, names) or "", _READS):
            yield Violation(path, node.lineno, "reads what can blow up: enter the module in READS, with its limit")


def _is_one_of(name: str, libraries: frozenset[str] | set[str]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in libraries)


def _only_named(tree: ast.Module, name: str) -> bool:
    """Whether httpx is imported for its constants and errors alone: no client is made there, and none is given."""
    if name != "httpx":
        return False
    names = imported_names(tree)
    used = {dotted_name(node, names) or "" for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return {each for each in used if each.startswith("httpx.")} <= _NAMES_OF_HTTPX


def _connects(node: ast.Call, names: Mapping[str, str]) -> bool:
    dotted = dotted_name(node.func, dict(names))
    if dotted in _CONNECTING_CALLS:
        return True
    return isinstance(node.func, ast.Attribute) and node.func.attr in _CONNECTING_METHODS


def _reason(node: ast.AST, names: dict[str, str]) -> str | None:
    """Why this node is dangerous wherever it stands, or None."""
    if isinstance(node, ast.Call):
        called = dotted_name(node.func, names) or ""
        given = {keyword.arg for keyword in node.keywords}
        wanted = _WAITS.get(called)
        # What is handed over as **options is not seen: then whoever made them answers for it.
        if wanted and wanted not in given and None not in given:
            return f"{called} waits for ever: give it {wanted}"
        for keyword in node.keywords:
            if keyword.arg in ("verify", "check_hostname") and _is_false(keyword.value):
                return "certificates are checked: a private authority is given as a context"
            if keyword.arg == wanted and isinstance(keyword.value, ast.Constant) and keyword.value.value is None:
                return f"{called} waits for ever: None is no end"
    return None


def _compared(node: ast.AST) -> str | None:
    """Why comparing these is dangerous, or None."""
    if isinstance(node, ast.Compare) and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops):
        sides = [node.left, *node.comparators]
        if any(_is_secret(side) for side in sides) and not any(isinstance(side, ast.Constant) for side in sides):
            return "a secret is compared by hmac.compare_digest, which takes as long whatever is wrong"
    return None


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _is_secret(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get_secret_value":
        return True
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return bool(_SECRET.search(name.lower()))


def main() -> int:
    """Exit status 1 and one line per violation, or 0."""
    return report(find_violations(), "Whoever speaks to others is known, and so is whatever is unpacked.")


if __name__ == "__main__":
    sys.exit(main())
