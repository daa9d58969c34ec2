"""`upheld login`, `logout`, `contexts`: which installations there are, and with which key each is used."""

import os
import stat
import sys
from typing import Annotated

import typer

from shared.cli.contexts import Context, ContextFile, checked_url, urls_from, urls_of_environment
from shared.cli.output import say, say_list, tell
from shared.cli.refusals import CannotGoOn, WrongUsage
from shared.cli.session import session_of

app = typer.Typer(no_args_is_help=True, help="Installations that are known here.", rich_markup_mode=None)

_COLUMNS = (("name", "name"), ("current", "current"), ("key", "key_prefix"), ("contracts", "urls.contracts"))


def login(
    ctx: typer.Context,
    name: Annotated[str, typer.Option("--name", help="Name of the context to write.")] = "default",
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="PATTERN", help="Addresses of the APIs, e.g. https://upheld.example/{service}."),
    ] = None,
    ops_url: Annotated[
        str | None, typer.Option("--ops-url", metavar="PATTERN", help="Where the metrics are, if they can be reached.")
    ] = None,
    contracts_url: Annotated[str | None, typer.Option("--contracts-url", metavar="URL", help="One address.")] = None,
    probes_url: Annotated[str | None, typer.Option("--probes-url", metavar="URL", help="One address.")] = None,
    incidents_url: Annotated[str | None, typer.Option("--incidents-url", metavar="URL", help="One address.")] = None,
    reporting_url: Annotated[str | None, typer.Option("--reporting-url", metavar="URL", help="One address.")] = None,
) -> None:
    """Try an API key and remember it with the addresses of an installation.

    The key is what stands in a file or pipe on standard input, else in UPHELD_CLIENT_SECRET, else it is asked for;
    never on the command line, which others can see. Addresses that are not given are CONTRACTS_URL and so on, or those
    known before.
    """
    session = session_of(ctx)
    file = session.file
    before = file.all().get(name)
    urls = {**(before.urls if before else {}), **urls_of_environment("URL"), **(urls_from(url) if url else {})}
    single = zip(
        ("contracts", "probes", "incidents", "reporting"),
        (contracts_url, probes_url, incidents_url, reporting_url),
        strict=True,
    )
    urls |= {service: checked_url(given) for service, given in single if given}
    if "contracts" not in urls:
        raise WrongUsage(
            "Which installation? No address of contracts is known.",
            "--url 'https://upheld.example.com/{service}'; beside a running `make run`: . .upheld/env && upheld login.",
        )
    ops = {**(before.ops_urls if before else {}), **urls_of_environment("OPS_URL")}
    context = Context(name, urls, ops | (urls_from(ops_url) if ops_url else {}), key=_key())
    with session.api(context) as api:
        api.log_in()
    file.put(file.named(name), use=True)
    tell(f"Logged in as {context.prefix} at {context.url('contracts')}; the context {name} is now the current one.")


def _key() -> str:
    """What was handed over on purpose, `< FILE` or by a pipe, comes before what the shell happens to have set."""
    given = sys.stdin.readline().strip() if _is_handed_over() else ""
    given = given or os.environ.get("UPHELD_CLIENT_SECRET", "").strip()
    if not given and sys.stdin is not None and sys.stdin.isatty():
        given = typer.prompt("API key", hide_input=True, err=True).strip()
    if not given or not given.isascii() or not given.isprintable():
        raise WrongUsage("There is no API key to log in with.", "Type it when asked, or: upheld login < FILE.")
    return given


def _is_handed_over() -> bool:
    """Whether standard input is a file or a pipe: neither a terminal nor the nothing of a job without input."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return sys.stdin is not None and (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))


def logout(ctx: typer.Context) -> None:
    """Forget the key and the token of the current context; its addresses stay."""
    session = session_of(ctx)
    file = session.file
    name = session.context_name or file.current
    if name is None:
        raise CannotGoOn("Nobody is logged in.")
    known = file.named(name)
    file.put(Context(name, known.urls, known.ops_urls))
    tell(f"The key of {name} is forgotten here. It is still good: `upheld keys revoke` ends it.")


@app.command("list")
def list_contexts(ctx: typer.Context) -> None:
    """List the installations; keys by their public prefix."""
    session = session_of(ctx)
    current = session.file.current
    rows = [
        {
            "name": context.name,
            "current": context.name == current,
            "key_prefix": context.prefix,
            "urls": dict(context.urls),
            "ops_urls": dict(context.ops_urls),
        }
        for context in session.file.all().values()
    ]
    say_list({"data": rows}, _COLUMNS, session.output)


def known_names(incomplete: str) -> list[str]:
    """For shell completion, which must not fail."""
    try:
        return [name for name in ContextFile().all() if name.startswith(incomplete)]
    except (CannotGoOn, OSError):
        return []


Name = Annotated[str, typer.Argument(autocompletion=known_names)]


@app.command("use")
def use_context(ctx: typer.Context, name: Name) -> None:
    """Make an installation the one that commands are about."""
    session_of(ctx).file.use(name)
    say(name)


@app.command("remove")
def remove_context(ctx: typer.Context, name: Name) -> None:
    """Forget an installation and its key."""
    session_of(ctx).file.remove(name)
    tell(f"{name} is forgotten here. Its key is still good: `upheld keys revoke` ends it.")
