"""`upheld contracts`: contracts, and contract documents as code."""

import sys
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from shared.cli.output import REFUSED, Output, clean, say, say_json, say_list, say_one, tell
from shared.cli.refusals import CannotGoOn
from shared.cli.session import All, Limit, Session, session_of

app = typer.Typer(no_args_is_help=True, help="Contracts, and contracts as code.", rich_markup_mode=None)

LARGEST_DOCUMENT = 256 * 1024

_COLUMNS = (
    ("contract_id", "contract_id"),
    ("number", "number"),
    ("status", "status"),
    ("plan", "plan.code"),
    ("starts_on", "terms.starts_on"),
    ("price", "terms.price.amount"),
    ("currency", "terms.price.currency"),
    ("client_id", "client_id"),
)
_FACTS = (
    *_COLUMNS,
    ("key", "terms.external_key"),
    ("sites", "terms.site_ids"),
    ("next steps", "allowed_steps"),
    ("version", "version"),
    ("activated_at", "activated_at"),
    ("ends_at", "ends_at"),
)

File = Annotated[str, typer.Argument(metavar="FILE", help="The document; - is standard input.")]
EffectiveOn = Annotated[
    str | None, typer.Option("--effective-on", metavar="DAY", help="From when a proposed amendment holds.")
]
Language = Annotated[str | None, typer.Option("--language", metavar="fr|en", help="Of the words.")]


@app.command("list")
def list_contracts(
    ctx: typer.Context,
    client: Annotated[UUID | None, typer.Option("--client", help="Of this client.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="draft, active, …")] = None,
    limit: Limit = None,
    everything: All = False,
) -> None:
    """List contracts."""
    session = session_of(ctx)
    asked = {"client_id": client, "status": status, "limit": limit}
    with session.api() as api:
        say_list(api.page("contracts", "/v1/contracts", asked, everything=everything), _COLUMNS, session.output)


@app.command("show")
def show_contract(ctx: typer.Context, contract_id: UUID) -> None:
    """Show a contract; with `--output json` all of its terms."""
    session = session_of(ctx)
    with session.api() as api:
        say_one(api.get("contracts", f"/v1/contracts/{contract_id}"), _FACTS, session.output)


@app.command("plan")
def plan_document(
    ctx: typer.Context,
    file: File,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when it would change something.")] = False,
    effective_on: EffectiveOn = None,
    language: Language = None,
) -> None:
    """Show what a contract document would change, and change nothing."""
    outcome = _reconcile(session_of(ctx), "plan", file, effective_on, language)
    if check and outcome["changed"]:
        raise typer.Exit(REFUSED)


@app.command("apply")
def apply_document(ctx: typer.Context, file: File, effective_on: EffectiveOn = None, language: Language = None) -> None:
    """Make it so that a contract document is true: all of it, or nothing."""
    _reconcile(session_of(ctx), "apply", file, effective_on, language)


@app.command("export")
def export_document(
    ctx: typer.Context,
    contract_id: UUID,
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Default: standard output.")] = None,
) -> None:
    """Write a contract as a document that can be applied here or elsewhere."""
    with session_of(ctx).api() as api:
        api.download("contracts", f"/v1/contracts/{contract_id}/export", None, to, media_type="application/yaml")
    if to is not None:
        tell(f"Written to {to}.")


def _reconcile(
    session: Session, what: str, file: str, effective_on: str | None, language: str | None
) -> dict[str, Any]:
    from shared.cli.api_client import document_of

    content = _content(file)
    headers = {"Content-Type": "application/yaml", **({"Accept-Language": language} if language else {})}
    with session.api() as api:
        answer = api.call(
            "POST",
            "contracts",
            f"/v1/contract-documents/{what}",
            content=content,
            params={"effective_on": effective_on} if effective_on else None,
            headers=headers,
        )
    outcome = document_of(answer)
    if session.output is Output.json:
        say_json(outcome)
        return outcome
    say(clean(outcome["summary"]))
    for operation in outcome["operations"]:
        say(f"  {clean(operation['words'])}")
        for difference in operation["differences"]:
            say(f"      {clean(difference['words'])}")
    return outcome


def _content(file: str) -> bytes:
    try:
        if file == "-":
            content = sys.stdin.buffer.read(LARGEST_DOCUMENT + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(LARGEST_DOCUMENT + 1)
    except OSError as error:
        raise CannotGoOn(f"{file} cannot be read: {error.strerror}.", "Name the file of the document.") from error
    if len(content) > LARGEST_DOCUMENT:
        raise CannotGoOn(f"{file} is larger than a contract document may be (256 KiB).", "Is it the right file?")
    return content
