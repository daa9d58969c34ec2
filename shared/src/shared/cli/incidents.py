"""`upheld incidents`: what is open, and what the desk does about it."""

from typing import Annotated, Any
from uuid import UUID

import typer

from shared.cli.output import say_list, say_one
from shared.cli.session import All, Limit, session_of

app = typer.Typer(no_args_is_help=True, help="Incidents and what the desk does.", rich_markup_mode=None)

_COLUMNS = (
    ("incident_id", "incident_id"),
    ("number", "number"),
    ("severity", "severity"),
    ("status", "status"),
    ("opened", "timestamps.opened.at"),
    ("acknowledged", "timestamps.acknowledged.at"),
    ("assignee", "assignee.name"),
    ("title", "title"),
)
_FACTS = (
    *_COLUMNS,
    ("mitigated", "timestamps.mitigated.at"),
    ("recovered", "timestamps.recovered.at"),
    ("resolved", "timestamps.resolved.at"),
    ("closed", "timestamps.closed.at"),
    ("contract_id", "contract_id"),
    ("site_id", "site_id"),
    ("counts for the SLA", "counts_for_sla"),
    ("next acts", "allowed_acts"),
    ("description", "description"),
)
_ENTRIES = (("at", "at"), ("kind", "kind"), ("who", "actor.name"), ("audience", "audience"), ("note", "note"))

Note = Annotated[str | None, typer.Option("--note", help="What was found or done; stands in the timeline.")]
At = Annotated[str | None, typer.Option("--at", metavar="INSTANT", help="When it was, e.g. 2026-06-08T07:00:00Z.")]
Public = Annotated[bool, typer.Option("--public", help="The client may read the note.")]


@app.command("list")
def list_incidents(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option("--status", help="open, acknowledged, resolved, …")] = None,
    severity: Annotated[str | None, typer.Option("--severity", help="critical, major, minor, …")] = None,
    contract: Annotated[UUID | None, typer.Option("--contract", help="Of this contract.")] = None,
    client: Annotated[UUID | None, typer.Option("--client", help="Of this client.")] = None,
    limit: Limit = None,
    everything: All = False,
) -> None:
    """List incidents."""
    session = session_of(ctx)
    asked = {"status": status, "severity": severity, "contract_id": contract, "client_id": client, "limit": limit}
    with session.api() as api:
        say_list(api.page("incidents", "/v1/incidents", asked, everything=everything), _COLUMNS, session.output)


@app.command("show")
def show_incident(ctx: typer.Context, incident_id: UUID) -> None:
    """Show an incident; with `--output json` its clocks as well."""
    session = session_of(ctx)
    with session.api() as api:
        say_one(api.get("incidents", f"/v1/incidents/{incident_id}"), _FACTS, session.output)


@app.command("timeline")
def show_timeline(ctx: typer.Context, incident_id: UUID, limit: Limit = None, everything: All = False) -> None:
    """List what happened and what was written, in order."""
    session = session_of(ctx)
    path = f"/v1/incidents/{incident_id}/timeline"
    with session.api() as api:
        say_list(api.page("incidents", path, {"limit": limit}, everything=everything), _ENTRIES, session.output)


@app.command("acknowledge")
def acknowledge(
    ctx: typer.Context, incident_id: UUID, note: Note = None, at: At = None, public: Public = False
) -> None:
    """Say that somebody is at it."""
    _act(ctx, incident_id, "acknowledge", note, at, public=public)


@app.command("mitigate")
def mitigate(ctx: typer.Context, incident_id: UUID, note: Note = None, at: At = None, public: Public = False) -> None:
    """Say that a workaround serves."""
    _act(ctx, incident_id, "mitigate", note, at, public=public)


@app.command("resolve")
def resolve(ctx: typer.Context, incident_id: UUID, note: Note = None, at: At = None, public: Public = False) -> None:
    """Say that it is repaired."""
    _act(ctx, incident_id, "resolve", note, at, public=public)


@app.command("close")
def close(ctx: typer.Context, incident_id: UUID, note: Note = None, at: At = None, public: Public = False) -> None:
    """Close the record."""
    _act(ctx, incident_id, "close", note, at, public=public)


@app.command("reopen")
def reopen(
    ctx: typer.Context, incident_id: UUID, reason: Annotated[str, typer.Option("--reason", help="Why.")], at: At = None
) -> None:
    """Open it again."""
    _item(ctx, incident_id, "reopen", {"reason": reason, **({"at": at} if at else {})})


@app.command("reply")
def reply(
    ctx: typer.Context,
    incident_id: UUID,
    note: Annotated[str, typer.Option("--note", help="What is written.")],
    public: Public = False,
) -> None:
    """Write into the timeline."""
    _item(ctx, incident_id, "replies", {"note": note, **_audience(public)})


@app.command("assign")
def assign(
    ctx: typer.Context,
    incident_id: UUID,
    user_id: Annotated[UUID, typer.Option("--to", metavar="USER_ID", help="Somebody of the agency.")],
    name: Annotated[str | None, typer.Option("--name", help="As it is shown.")] = None,
) -> None:
    """Say who works on it."""
    _item(ctx, incident_id, "assignment", {"user_id": str(user_id), **({"name": name} if name else {})})


def _act(ctx: typer.Context, incident_id: UUID, act: str, note: str | None, at: str | None, *, public: bool) -> None:
    session = session_of(ctx)
    told = {name: value for name, value in {"note": note, "at": at}.items() if value is not None}
    body = {**told, **(_audience(public, "note_audience") if note is not None else {})}
    with session.api() as api:
        say_one(api.post("incidents", f"/v1/incidents/{incident_id}/{act}", body), _FACTS, session.output)


def _item(ctx: typer.Context, incident_id: UUID, act: str, body: dict[str, Any]) -> None:
    session = session_of(ctx)
    with session.api() as api:
        api.post("incidents", f"/v1/items/{incident_id}/{act}", body)
        say_one(api.get("incidents", f"/v1/incidents/{incident_id}"), _FACTS, session.output)


def _audience(public: bool, field: str = "audience") -> dict[str, str]:
    """Said in every request: what the API takes by default differs between acts."""
    return {field: "client" if public else "agency"}
