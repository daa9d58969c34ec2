"""What only the services themselves can do, with their own databases: `python -m <service> …`, run here.

Dead letters and tenants belong to the installation and to no agency, so that no key of an agency opens them: whoever
may run a process beside the service's settings may. On a machine with `make run` that is a shell that has read
`.upheld/env`; in a cluster it is `kubectl exec deploy/<service>-api -- upheld …`. A context names an installation
elsewhere: with `--context` all of these are refused, so that nobody means one installation and acts on another.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib.util import find_spec
from typing import Annotated, Any
from uuid import UUID

import typer

from shared.cli.contexts import SERVICES
from shared.cli.output import DONE, clean, say, say_json, say_list, tell
from shared.cli.refusals import CannotGoOn, WrongUsage
from shared.cli.session import Session, session_of

COMMAND_SECONDS = 600.0
FIRST_PAGE = 50

dead_letters = typer.Typer(
    no_args_is_help=True, help="Events that could not be handled, of the services that are here.", rich_markup_mode=None
)
tenants = typer.Typer(no_args_is_help=True, help="Agencies of this installation.", rich_markup_mode=None)

_LETTERS = (
    ("service", "service"),
    ("id", "id"),
    ("failed_at", "failed_at"),
    ("deliveries", "deliveries"),
    ("subject", "subject"),
    ("error", "error"),
)
_TENANTS = (("tenant_id", "tenant_id"), ("name", "name"), ("created_at", "created_at"))


def _services(incomplete: str) -> list[str]:
    return [service for service in SERVICES if service.startswith(incomplete)]


Services = Annotated[
    list[str] | None,
    typer.Option("--service", "-s", autocompletion=_services, help="Only this one; repeat it. Default: all here."),
]


def services_here() -> list[str]:
    """The services that are installed in this environment: one in an image, all in a checkout."""
    return [service for service in SERVICES if find_spec(service) is not None]


def has_settings(service: str) -> bool:
    """Whether this process knows the service's database: without it, its commands would only say so."""
    folder = os.environ.get("UPHELD_SECRETS_DIR")
    name = f"{service}_database_url"
    return bool(os.environ.get(name.upper())) or bool(folder and os.path.exists(os.path.join(folder, name)))  # noqa: PTH110, PTH118


def run_here(service: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs `python -m <service> …` to its end. Raises CannotGoOn when it takes too long."""
    try:
        return subprocess.run(  # noqa: S603  (one of our own services)
            [sys.executable, "-m", service, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
            env=os.environ | {f"{service.upper()}_LOG_LEVEL": "error", f"{service.upper()}_LOG_FORMAT": "json"},
        )
    except subprocess.TimeoutExpired:
        raise CannotGoOn(f"{service} did not come to an end within {COMMAND_SECONDS:.0f} seconds.") from None


def asked(service: str, *arguments: str) -> str:
    """What a command of a service printed, log lines apart. Raises CannotGoOn with what it complained about."""
    done = run_here(service, *arguments)
    if done.returncode != DONE:
        said = done.stderr.strip().splitlines() or [f"{service} ended with status {done.returncode}."]
        # Of a traceback the last line says what it is.
        lines = said[-1:] if any(line.startswith("Traceback") for line in said) else said
        raise CannotGoOn("\n".join(lines), "upheld doctor, or look at the settings and the log of the service.")
    # A service writes its log where it answers: one JSON object with these names a line.
    return "".join(line for line in done.stdout.splitlines(keepends=True) if not _is_log(line))


def _is_log(line: str) -> bool:
    return line.startswith("{") and '"event": ' in line and '"level": ' in line


@dead_letters.command("list")
def list_letters(
    ctx: typer.Context,
    service: Services = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Of each service.")] = FIRST_PAGE,
    everything: Annotated[bool, typer.Option("--all", help="Read them all.")] = False,
) -> None:
    """List the open ones, oldest first."""
    session = session_of(ctx)
    chosen = _chosen(ctx, service)
    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(lambda one: _letters_of(one, limit, everything=everything), chosen))
    rows = [
        {"service": one, **letter, "error": letter["error"].partition("\n")[0]}
        for one, (letters, _) in zip(chosen, pages, strict=True)
        for letter in letters
    ]
    cursor = next((str(letters[-1]["id"]) for letters, more in pages if more), None)
    say_list({"data": sorted(rows, key=lambda row: row["failed_at"]), "next_cursor": cursor}, _LETTERS, session.output)


@dead_letters.command("show")
def show_letter(ctx: typer.Context, letter_id: UUID, service: Services = None) -> None:
    """Show everything about one, its bytes too, as JSON."""
    one = _holder(ctx, letter_id, service)
    say_json({"service": one, **json.loads(asked(one, "dead-letters", "show", str(letter_id)))})


@dead_letters.command("retry")
def retry_letters(
    ctx: typer.Context,
    letter_ids: Annotated[list[UUID] | None, typer.Argument(metavar="ID…", show_default=False)] = None,
    service: Services = None,
    everything: Annotated[bool, typer.Option("--all", help="All open ones.")] = False,
) -> None:
    """Run the handlers again, after the cause is gone; one that took effect meanwhile is only closed."""
    if bool(letter_ids) == everything:
        raise WrongUsage("Which ones?", "Name ids, or --all.")
    if letter_ids:
        work = [(_holder(ctx, one, service), str(one)) for one in letter_ids]
    else:
        work = [
            (one, str(letter["id"]))
            for one in _chosen(ctx, service)
            for letter in _letters_of(one, FIRST_PAGE, everything=True)[0]
        ]
    failed = 0
    for one, letter in _shown(work, "Running handlers again"):
        done = run_here(one, "dead-letters", "replay", letter)
        failed += done.returncode != DONE
        (say if done.returncode == DONE else tell)(clean((done.stdout or done.stderr).strip()))
    if failed:
        raise CannotGoOn(
            f"{failed} of {len(work)} could not be handled again.", "upheld dead-letters show ID tells why."
        )


@dead_letters.command("resolve")
def resolve_letter(
    ctx: typer.Context,
    letter_id: UUID,
    reason: Annotated[str, typer.Option("--reason", help="Why it need not be handled.")],
    service: Services = None,
) -> None:
    """Close one without handling it."""
    holder = _holder(ctx, letter_id, service)
    say(clean(asked(holder, "dead-letters", "discard", str(letter_id), "--reason", reason).strip()))


@tenants.command("list")
def list_tenants(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = FIRST_PAGE,
    everything: Annotated[bool, typer.Option("--all", help="Read them all.")] = False,
) -> None:
    """List the agencies."""
    _must_be_here(ctx, "contracts")
    rows, more = _lines(("tenants",), "contracts", "tenant_id", limit, everything=everything)
    say_list({"data": rows, "next_cursor": rows[-1]["tenant_id"] if more else None}, _TENANTS, session_of(ctx).output)


@tenants.command("create")
def create_tenant(ctx: typer.Context, name: Annotated[str, typer.Option("--name", help="Of the agency.")]) -> None:
    """Make an agency and its owner's key, which is shown this once."""
    _must_be_here(ctx, "contracts")
    arguments = ["tenant", "create", "--name", name]
    say(asked("contracts", *arguments, *(["--json"] if _json(session_of(ctx)) else [])).rstrip())


def replay(
    ctx: typer.Context,
    since: Annotated[
        datetime,
        typer.Option("--since", formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d"], help="Instant, 2026-11-01T00:00:00Z."),
    ],
    service: Services = None,
) -> None:
    """Publish the events since an instant again; those who consume them know by the id what they had.

    For streams that were lost or restored from an old copy, and for consumers that are new.
    """
    instant = since.isoformat()
    for one in _shown(_chosen(ctx, service), "Putting events back"):
        say(clean(asked(one, "republish", "--since", instant).strip()))


def reconcile(ctx: typer.Context, service: Services = None) -> None:
    """Make the outbox and the stream of each service agree: after a restore, or when no worker runs."""
    for one in _shown(_chosen(ctx, service), "Comparing"):
        say(clean(asked(one, "reconcile").strip()))


def admin(
    ctx: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="[SERVICE] COMMAND…", show_default=False)] = None,
) -> None:
    """Run a command of a service itself: `upheld admin contracts bootstrap` is `python -m contracts bootstrap`.

    The name may be left out where only one service is installed, as in its image.
    """
    _must_be_about_here(ctx)
    here = services_here()
    given = list(words or [])
    if given and given[0] in SERVICES:
        _must_be_here(ctx, given[0])
        service, arguments = given[0], given[1:]
    elif len(here) == 1:
        service, arguments = here[0], given
    else:
        raise WrongUsage(
            f"Which service? Here are: {', '.join(here) or 'none'}.",
            "upheld admin SERVICE COMMAND, or … SERVICE --help.",
        )
    # In the place of this process: what the command reads, writes and ends with is its own.
    os.execv(sys.executable, [sys.executable, "-m", service, *(arguments or ["--help"])])  # noqa: S606


def _letters_of(service: str, limit: int, *, everything: bool) -> tuple[list[dict[str, Any]], bool]:
    return _lines(("dead-letters", "list"), service, "id", limit, everything=everything)


def _lines(
    command: Iterable[str], service: str, key: str, limit: int, *, everything: bool
) -> tuple[list[dict[str, Any]], bool]:
    """The JSON lines of a listing command, and whether there are more than were asked for."""
    rows: list[dict[str, Any]] = []
    size = 1000 if everything else limit
    after: list[str] = []
    while True:
        printed = asked(service, *command, "--json", "--limit", str(size + 1), *after)
        page = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
        rows += page[:size]
        if not everything or len(page) <= size:
            return rows, len(page) > size
        after = ["--after", str(rows[-1][key])]


def _must_be_about_here(ctx: typer.Context) -> None:
    """Raises WrongUsage where a context was named: what it is about is not what would be acted on."""
    name = session_of(ctx).context_name
    if name is not None:
        raise WrongUsage(
            f"This is done on the services whose settings are here, and not on those of the context {name}.",
            f"Leave out --context (and UPHELD_CONTEXT) if here is meant; for {name} run it beside its services.",
        )


def _chosen(ctx: typer.Context, named: list[str] | None) -> list[str]:
    """The services to act on: those that are named, else those that are here with their settings."""
    _must_be_about_here(ctx)
    for service in named or []:
        if service not in SERVICES:
            raise WrongUsage(f"There is no service {service}.", f"One of {', '.join(SERVICES)}.")
        _must_be_here(ctx, service)
    chosen = named or [service for service in services_here() if has_settings(service)]
    if not chosen:
        raise CannotGoOn(
            "No service is here with its settings, and this is not done over the API.",
            "Beside `make run`: . .upheld/env. In a cluster: kubectl exec deploy/incidents-api -- upheld …",
        )
    return chosen


def _must_be_here(ctx: typer.Context, service: str) -> None:
    _must_be_about_here(ctx)
    if service not in services_here():
        raise CannotGoOn(
            f"{service} is not installed here, and this is not done over the API.",
            f"kubectl exec deploy/{service}-api -- upheld …",
        )


def _holder(ctx: typer.Context, letter_id: UUID, named: list[str] | None) -> str:
    """The service that has this dead letter."""
    chosen = _chosen(ctx, named)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda one: run_here(one, "dead-letters", "show", str(letter_id)), chosen))
    for service, done in zip(chosen, found, strict=True):
        if done.returncode == DONE:
            return service
    complaint = next((done.stderr.strip() for done in found if "no dead letter" not in done.stderr), None)
    raise CannotGoOn(complaint or f"No service here has a dead letter {letter_id}.", "upheld dead-letters list.")


def _json(session: Session) -> bool:
    return session.output.value == "json"


def _shown(work: "list[Any]", what: str) -> Iterable[Any]:
    """The work one by one, with a bar on a terminal when it is long."""
    if len(work) < 2 or not sys.stderr.isatty():
        yield from work
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(work, what, console=Console(file=sys.stderr), transient=True)
