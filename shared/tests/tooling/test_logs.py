"""What is logged: constant words that one can search for, and fields that name neither a person nor a secret."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from workspace import ROOT, SERVICES

from shared.telemetry import REDACTED, redact

METHODS = {"debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log", "msg"}
LOGGERS = {"log", "_log", "logger", "_logger"}
EVENT = re.compile(r"[a-z]+(_[a-z]+)*")
PERSONAL = re.compile(
    r"(^|_)(e?mails?|addresses|address|recipients?|sender|to|phone|first_name|last_name|full_name|person|people|contacts?"
    r"|user_agent|title|text|body|comment|note|description|payload|content|headers|query|url|login|username)$"
)
"""Names of fields that hold what somebody wrote, or who he is. An id says as much to whoever may look it up."""


def sources() -> Iterator[tuple[str, str]]:
    """Every file of ours that runs: its path and its text."""
    for package in ("shared", *(f"services/{service}" for service in SERVICES)):
        for file in sorted((ROOT / package / "src").rglob("*.py")):
            yield str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")


def faults_of(path: str, text: str) -> list[str]:
    """What is wrong with the lines that a file logs."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_a_logger(node.func):
            where = f"{path}:{node.lineno}"
            if len(node.args) != 1 or not all(EVENT.fullmatch(name or "") for name in _names(node.args[0])):
                found.append(f"{where}: the event is not one constant word_of_words")
            for keyword in node.keywords:
                name = keyword.arg or "**"
                if name == "**" or PERSONAL.search(name) or redact("x", name) == REDACTED:
                    found.append(f"{where}: the field {name} may hold a secret, or name a person")
    return found


def _is_a_logger(called: ast.Attribute) -> bool:
    of = called.value
    if isinstance(of, ast.Call) and isinstance(of.func, ast.Attribute) and of.func.attr in ("bind", "new"):
        of = of.func.value
    return called.attr in METHODS and isinstance(of, ast.Name) and of.id in LOGGERS


def _names(event: ast.expr) -> list[str | None]:
    """The words that an event can be; None for what is not constant."""
    if isinstance(event, ast.IfExp):
        return [*_names(event.body), *_names(event.orelse)]
    return [event.value if isinstance(event, ast.Constant) and isinstance(event.value, str) else None]


def test_events_are_constant_words_and_fields_name_nobody() -> None:
    found = [fault for path, text in sources() for fault in faults_of(path, text)]
    assert found == []


def test_all_our_logs_are_structured_and_none_is_by_the_root_logger() -> None:
    """Under another name, a logger would not be looked at above."""
    loggers = re.compile(r"^(\w+)(?:: [^=]+)? = structlog\.get_logger\(", re.MULTILINE)
    names = {name for _, text in sources() for name in loggers.findall(text)}
    assert names == {"log", "_log"}
    assert [
        path for path, text in sources() if re.search(r"\blogging\.(debug|info|warning|error|exception)\(", text)
    ] == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('log.info(f"mail_to_{name}")', "constant"),
        ('log.info("mail %s sent", number)', "constant"),
        ('log.info("Mail sent")', "constant"),
        ("log.info(event)", "constant"),
        ('_log.warning("mail_sent" if done else word)', "constant"),
        ('log.info("mail_sent", recipient=row.recipient)', "recipient"),
        ('log.info("mail_sent", client_email="x")', "client_email"),
        ('log.info("signed_in", password=given)', "password"),
        ('log.bind(x=1).error("signed_in", access_token=given)', "access_token"),
        ('log.error("failed", **facts)', "**"),
    ],
)
def test_a_line_that_tells_too_much_would_be_found(line: str, fault: str) -> None:
    (found,) = faults_of("planted.py", line)
    assert fault in found


def test_lines_as_we_write_them_are_not_found() -> None:
    line = 'log.warning("mail_sent" if done else "mail_not_sent", mail_id=str(key), error=type(e).__name__, exc_info=e)'
    assert faults_of("ours.py", line) == []
