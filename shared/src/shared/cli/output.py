"""What a command prints: tables for people, JSON for programs, refusals on standard error.

Whatever comes from a service is shown without control characters: a title must not move a terminal's cursor.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from shared.cli.refusals import CannotGoOn

DONE, REFUSED, USAGE = 0, 1, 2
"""Exit statuses of every command."""
NOT_SEEN = 3
"""Of the doctor alone: nothing that it saw is wrong, and not everything was to be seen."""

Columns = Sequence[tuple[str, str]]
"""Heading and path of each column: `timestamps.opened.at` of a row."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_WIDE = 100_000
"""Characters of a line that goes to a file or a program: nothing is cut or wrapped there."""


class Output(StrEnum):
    """Forms of output."""

    table = "table"
    json = "json"


def clean(text: object) -> str:
    """Text that only shows: control characters and those that turn the direction of writing are replaced."""
    return _CONTROL.sub("�", str(text)).replace("\t", " ")


def value_at(row: Mapping[str, Any], path: str) -> str:
    """The value at a dotted path as one line; empty where there is none."""
    found: Any = row
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    if found is None:
        return ""
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, str | int | float):
        return clean(found).replace("\n", " ")
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return clean(", ".join(found))
    return clean(json.dumps(found, ensure_ascii=False))


def say(text: str) -> None:
    """A line of the result."""
    sys.stdout.write(text + "\n")


def tell(text: str) -> None:
    """A remark beside the result, on standard error."""
    sys.stderr.write(text + "\n")


def say_json(value: Any) -> None:
    """A JSON document. Control characters that JSON allows unescaped are escaped as well."""
    written = json.dumps(value, indent=2, ensure_ascii=False)
    say(re.sub(r"[\x7f-\x9f\u202a-\u202e\u2066-\u2069]", lambda found: f"\\u{ord(found[0]):04x}", written))


def say_table(rows: Iterable[Mapping[str, Any]], columns: Columns) -> None:
    """A table with one line per row; on a terminal long cells wrap."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    table = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False, header_style="bold")
    for heading, _ in columns:
        table.add_column(heading, overflow="fold", no_wrap=not terminal)
    for row in rows:
        table.add_row(*(Text(value_at(row, path)) for _, path in columns))
    console = Console(file=sys.stdout, width=None if terminal else _WIDE, highlight=False)
    with console.capture() as captured:
        console.print(table)
    sys.stdout.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))


def say_list(data: Mapping[str, Any], columns: Columns, output: Output) -> None:
    """A list: as JSON the same shape as the API's pages, `data` and `next_cursor`."""
    if output is Output.json:
        say_json({"data": data["data"], "next_cursor": data.get("next_cursor")})
    elif data["data"]:
        say_table(data["data"], columns)
    else:
        tell("None.")
    if data.get("next_cursor"):
        tell("There are more: --all reads them all.")


def say_one(row: Mapping[str, Any], columns: Columns, output: Output) -> None:
    """One thing: as JSON whole, else its most important facts line by line."""
    if output is Output.json:
        say_json(row)
        return
    shown = [(heading, value_at(row, path)) for heading, path in columns]
    width = max(len(heading) for heading, _ in shown)
    for heading, value in shown:
        say(f"{heading:<{width}}  {value}".rstrip())


@contextmanager
def working(what: str) -> Iterator[Callable[[int], None]]:
    """Shows on a terminal that something is under way; who does it may tell how far it is."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(file=sys.stderr).status(f"{what} …") as status:
        yield lambda count: status.update(f"{what} … {count}")


def tell_refusal(problem: CannotGoOn) -> None:
    """What cannot be done and what to do next."""
    tell(f"upheld: {clean(problem)}")
    if problem.next_step:
        tell(f"  Next: {clean(problem.next_step)}")


_NEXT = {
    400: "Correct the request; `--help` of the command says what it takes.",
    401: "Log in again: upheld login. A key in UPHELD_CLIENT_SECRET comes before what was logged in.",
    403: "Use a key whose role allows it (upheld keys list shows roles and scopes): upheld login.",
    404: "Check the id, and with `upheld contexts list` that it is the right installation.",
    409: "Look at what is there now (list, show), then decide.",
    412: "Somebody changed it meanwhile: read it again, then repeat.",
    422: "Correct what is named above, then repeat.",
    429: "Wait, then repeat.",
}


def tell_problem(document: Mapping[str, Any], output: Output, retry_after: str | None = None) -> None:
    """A problem document (RFC 9457): title, detail, every fault with its place, and what to do next."""
    if output is Output.json:
        sys.stderr.write(json.dumps(document, indent=2) + "\n")
        return
    status = int(document.get("status", 0))
    tell(f"upheld: {clean(document.get('title', 'Refused'))} ({status} {clean(document.get('code', ''))})")
    if document.get("detail"):
        tell(f"  {clean(document['detail'])}")
    for fault in document.get("errors") or []:
        place = fault.get("pointer") or fault.get("parameter") or fault.get("header") or ""
        tell(f"  - {clean(place)}{': ' if place else ''}{clean(fault.get('detail', ''))}")
    wait = f"Wait {clean(retry_after)} seconds, then repeat." if retry_after else None
    failed = "Repeat in a moment; if it stays so, run `upheld doctor`."
    tell(f"  Next: {wait or _NEXT.get(status, failed if status >= 500 else _NEXT[400])}")
    if document.get("request_id"):
        tell(f"  Request {clean(document['request_id'])}: the logs know it by this.")
