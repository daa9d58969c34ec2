"""`upheld reports`: monthly reports of contracts, their editions and their files."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from shared.cli.output import Output, say_json, say_list, say_table, tell
from shared.cli.refusals import CannotGoOn
from shared.cli.session import All, Limit, session_of

if TYPE_CHECKING:
    from shared.cli.api_client import ApiClient

app = typer.Typer(no_args_is_help=True, help="Monthly reports and their editions.", rich_markup_mode=None)

_EDITIONS = (
    ("edition", "edition"),
    ("issued_at", "issued_at"),
    ("reason", "reason"),
    ("changes", "changes"),
    ("content_hash", "content_hash"),
)


class Form(StrEnum):
    """Files that an edition is handed out as."""

    pdf = "pdf"
    csv = "csv"
    xlsx = "xlsx"
    html = "html"

    @property
    def media_type(self) -> str:
        """Of the file."""
        return {
            Form.pdf: "application/pdf",
            Form.csv: "text/csv",
            Form.xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Form.html: "text/html",
        }[self]


class Layout(StrEnum):
    """How the pages of a report are ordered."""

    sections = "sections"
    pillars = "pillars"


def _month(given: str) -> str:
    try:
        return f"{datetime.strptime(given, '%Y-%m'):%Y-%m}"  # noqa: DTZ007  (a month has no zone)
    except ValueError:
        raise typer.BadParameter("write a month as 2026-06") from None


Month = Annotated[str, typer.Argument(metavar="YYYY-MM", parser=_month)]


@app.command("list")
def list_editions(
    ctx: typer.Context, contract_id: UUID, month: Month, limit: Limit = None, everything: All = False
) -> None:
    """List the editions of a month's report: they never change, what came late makes a next one."""
    session = session_of(ctx)
    with session.api() as api:
        path = f"/v1/contracts/{contract_id}/reports/{month}/editions"
        say_list(api.page("reporting", path, {"limit": limit}, everything=everything), _EDITIONS, session.output)


@app.command("show")
def show_report(ctx: typer.Context, contract_id: UUID, month: Month) -> None:
    """Show the report of a month as it stands now; with `--output json` every figure."""
    session = session_of(ctx)
    with session.api() as api:
        report = api.get("reporting", f"/v1/contracts/{contract_id}/reports/{month}")
    if session.output is Output.json:
        say_json(report)
        return
    say_table(
        [{"figure": name, "value": value} for name, value in report.items() if not isinstance(value, list | dict)],
        (("figure", "figure"), ("value", "value")),
    )
    whole = ", ".join(name for name, value in report.items() if isinstance(value, list | dict) and value)
    tell(f"With --output json also: {whole}." if whole else "")


@app.command("download")
def download(
    ctx: typer.Context,
    contract_id: UUID,
    month: Month,
    form: Annotated[Form, typer.Option("--form", "-f", help="Which file.")] = Form.pdf,
    edition: Annotated[int | None, typer.Option("--edition", min=1, help="Default: the newest.")] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="FILE", help="Default: a name; - is standard output.")
    ] = None,
    language: Annotated[str | None, typer.Option("--language", metavar="fr|en", help="Default: the client's.")] = None,
    layout: Annotated[Layout | None, typer.Option("--layout", help="Of pages and PDF.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Download an edition of a month's report."""
    session = session_of(ctx)
    with session.api() as api:
        chosen = edition or _newest(api, contract_id, month)
        target = None if to == "-" else Path(to or f"report-{contract_id}-{month}-{chosen}.{form.value}")
        if target is not None and target.exists() and not force:
            raise CannotGoOn(f"{target} is there already.", "Name another file with --to, or replace it with --force.")
        path = f"/v1/contracts/{contract_id}/reports/{month}/editions/{chosen}/{form.value}"
        asked = {"lang": language, "layout": layout.value if layout else None}
        given = {name: value for name, value in asked.items() if value}
        size = api.download("reporting", path, given, target, media_type=form.media_type)
    if session.output is Output.json and target is not None:
        say_json({"file": str(target), "edition": chosen, "bytes": size})
    elif target is not None:
        tell(f"Edition {chosen}, {size} bytes, written to {target}.")


def _newest(api: "ApiClient", contract_id: UUID, month: str) -> int:
    path = f"/v1/contracts/{contract_id}/reports/{month}/editions"
    found = api.page("reporting", path, everything=True)["data"]
    if not found:
        raise CannotGoOn(
            f"The report of {month} has no edition yet: it is issued on day 1 of the next month.",
            f"upheld reports show {contract_id} {month} tells how it stands.",
        )
    return max(int(one["edition"]) for one in found)
