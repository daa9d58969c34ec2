"""`upheld keys`: API keys of the agency. A new key is shown once, or goes straight into a file or the context."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast
from uuid import UUID

import typer

from shared.cli.contexts import Context
from shared.cli.output import Output, say, say_json, say_list, say_one, tell
from shared.cli.refusals import CannotGoOn, WrongUsage
from shared.cli.session import All, Limit, Session, session_of

if TYPE_CHECKING:
    from shared.cli.api_client import ApiClient

app = typer.Typer(no_args_is_help=True, help="API keys of the agency.", rich_markup_mode=None)

_COLUMNS = (
    ("api_key_id", "api_key_id"),
    ("prefix", "prefix"),
    ("name", "name"),
    ("role", "role"),
    ("expires_at", "expires_at"),
    ("revoked_at", "revoked_at"),
    ("last_used_at", "last_used_at"),
)
_FACTS = (*_COLUMNS, ("scopes", "scopes"), ("user_id", "user_id"), ("client_id", "client_id"))

_DEAD = "The key of the environment is not rotated: whoever set it there would be left with a dead one."

To = Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Write the key there, readable by you alone.")]


@app.command("list")
def list_keys(ctx: typer.Context, limit: Limit = None, everything: All = False) -> None:
    """List the keys, revoked ones too; never their secrets."""
    session = session_of(ctx)
    with session.api() as api:
        say_list(
            api.page("contracts", "/v1/api-keys", {"limit": limit}, everything=everything), _COLUMNS, session.output
        )


@app.command("create")
def create_key(
    ctx: typer.Context,
    name: Annotated[str, typer.Option("--name", help="What it is for.")],
    role: Annotated[str | None, typer.Option("--role", help="viewer, operator, owner, auditor, runner, …")] = None,
    user: Annotated[UUID | None, typer.Option("--user", help="For a person, with the person's role.")] = None,
    client: Annotated[UUID | None, typer.Option("--client", help="The client of a client's role.")] = None,
    scope: Annotated[list[str] | None, typer.Option("--scope", help="Fewer than the role has; repeat it.")] = None,
    expires_at: Annotated[str | None, typer.Option("--expires-at", metavar="INSTANT", help="Default: never.")] = None,
    to: To = None,
) -> None:
    """Make a key. It is shown this once: keep it where secrets are kept."""
    session = session_of(ctx)
    body = {
        "name": name,
        "role": role,
        "user_id": str(user) if user else None,
        "client_id": str(client) if client else None,
        "scopes": scope or None,
        "expires_at": expires_at,
    }
    _check_place(to)
    with session.api() as api:
        made = api.post("contracts", "/v1/api-keys", _given(body), repeatable=False)
    _hand_out(session, made, to)


@app.command("revoke")
def revoke_key(ctx: typer.Context, api_key_id: UUID) -> None:
    """End a key: no new tokens from now on; tokens already given out end within ten minutes."""
    session = session_of(ctx)
    with session.api() as api:
        say_one(api.post("contracts", f"/v1/api-keys/{api_key_id}/revoke", repeatable=False), _FACTS, session.output)


@app.command("rotate")
def rotate_key(
    ctx: typer.Context,
    api_key_id: Annotated[UUID | None, typer.Argument(help="Default: the key of the current context.")] = None,
    keep_old: Annotated[bool, typer.Option("--keep-old", help="Leave the old key good; revoke it later.")] = False,
    to: To = None,
) -> None:
    """Make a key like another one, see that it works, then revoke the other one.

    Where contexts use the key, they go on with the new one, which is not shown; --to writes it to a file as well.
    """
    session = session_of(ctx)
    _check_place(to)
    with session.api() as api:
        context = api.context
        old = _the_key(api, api_key_id, context)
        mine = old["prefix"] == context.prefix
        if mine and not context.kept and not keep_old:
            raise WrongUsage(_DEAD, "Keep it good until it is replaced there: --keep-old, then upheld keys revoke.")
        # A person's key has the person's role and client.
        of_program = {} if old["user_id"] else {"role": old["role"], "client_id": old["client_id"]}
        same = {name: old[name] for name in ("name", "user_id", "scopes", "expires_at")}
        new = api.post("contracts", "/v1/api-keys", _given({**same, **of_program}), repeatable=False)
        fresh = replace(context, key=str(new["client_secret"]), token="", kept=False)
        with session.api(fresh) as with_new:
            with_new.log_in()  # before anything relies on it
            using = [one for one in session.file.all().values() if one.key and one.prefix == old["prefix"]]
            for one in using:
                session.file.put(replace(one, key=fresh.key, token=""))
            if to is not None or not using:
                _hand_out(session, new, to)
            else:
                _hand_out_shown(session, new)
            if not keep_old:
                # By the new one where it takes our place: ours would be logged in again, and written down again.
                acting = with_new if mine else api
                acting.post("contracts", f"/v1/api-keys/{old['api_key_id']}/revoke", repeatable=False)
    if using:
        tell(f"Contexts that go on with the new key: {', '.join(one.name for one in using)}.")
    tell(f"{old['prefix']} is {'still good' if keep_old else 'revoked'}; {new['prefix']} takes its place.")


def _the_key(api: "ApiClient", api_key_id: UUID | None, context: Context) -> dict[str, Any]:
    if api_key_id is not None:
        return api.get("contracts", f"/v1/api-keys/{api_key_id}")
    if not context.kept:
        raise WrongUsage(_DEAD, "Name the key: upheld keys list shows the ids.")
    found = api.page("contracts", "/v1/api-keys", everything=True)["data"]
    for key in found:
        if key["prefix"] == context.prefix:
            return cast("dict[str, Any]", key)
    raise CannotGoOn(f"There is no key {context.prefix} here.", "Name the key: upheld keys list shows the ids.")


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def _check_place(to: Path | None) -> None:
    """Before the key is made: one that cannot be written would be lost."""
    if to is not None and (to.exists() or not to.absolute().parent.is_dir()):
        raise CannotGoOn(f"{to} cannot be made: it is there already, or its folder is not.", "Name another file.")


def _hand_out(session: Session, made: dict[str, Any], to: Path | None) -> None:
    if to is not None:
        try:
            descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as stream:
                stream.write(f"{made['client_secret']}\n")
        except OSError as error:
            raise CannotGoOn(
                f"{to} cannot be written: {error.strerror}. The new key {made['prefix']} is not kept there.",
                f"Make another one, and end this one: upheld keys revoke {made['api_key_id']}.",
            ) from error
        _hand_out_shown(session, made)
        tell(f"The key is in {to}.")
    elif session.output is Output.json:
        say_json(made)
    else:
        say_one(made, _FACTS, session.output)
        say(f"client_secret  {made['client_secret']}")
        tell("The key is shown this once.")


def _hand_out_shown(session: Session, made: dict[str, Any]) -> None:
    """What may be shown of a key that went elsewhere."""
    say_one({name: value for name, value in made.items() if name != "client_secret"}, _FACTS, session.output)
