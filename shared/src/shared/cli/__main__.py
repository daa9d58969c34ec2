"""`upheld …`: operators and scripts, over the APIs of an installation."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from shared.cli import contracts, doctor, incidents, keys, local_commands, logins, reports
from shared.cli.output import REFUSED, USAGE, Output, say, tell_problem, tell_refusal
from shared.cli.refusals import CannotGoOn, Problem, WrongUsage
from shared.cli.session import Session, session_of


class Upheld(TyperGroup):
    """All commands. What one cannot do is told in sentences, and by the exit status."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CannotGoOn as refusal:
            tell_refusal(refusal)
            raise typer.Exit(USAGE if isinstance(refusal, WrongUsage) else REFUSED) from None
        except Problem as problem:
            tell_problem(problem.document, session_of(ctx).output, problem.retry_after)
            raise typer.Exit(REFUSED) from None


app = typer.Typer(
    cls=Upheld,
    name="upheld",
    help="Operate Upheld: contracts, incidents, reports, keys, and what its services are up to.",
    no_args_is_help=True,
    rich_markup_mode=None,
    # A traceback with local variables would show keys.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(contracts.app, name="contracts")
app.add_typer(incidents.app, name="incidents")
app.add_typer(reports.app, name="reports")
app.add_typer(keys.app, name="keys")
app.add_typer(logins.app, name="contexts")
app.command("login")(logins.login)
app.command("logout")(logins.logout)
app.command("doctor")(doctor.doctor)
app.add_typer(local_commands.dead_letters, name="dead-letters")
app.add_typer(local_commands.tenants, name="tenants")
app.command("replay")(local_commands.replay)
app.command("reconcile")(local_commands.reconcile)
# What comes behind the first word is the service's own, its --help too.
app.command("admin", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})(
    local_commands.admin
)


@app.callback(invoke_without_command=True)
def options_before(
    ctx: typer.Context,
    context: Annotated[
        str | None,
        typer.Option(
            "--context",
            "-c",
            envvar="UPHELD_CONTEXT",
            autocompletion=logins.known_names,
            help="Which installation.",
        ),
    ] = None,
    output: Annotated[
        Output, typer.Option("--output", "-o", envvar="UPHELD_OUTPUT", help="Table, or JSON with the API's names.")
    ] = Output.table,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, max=3600, help="Seconds for each answer.")] = 30.0,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Operate Upheld: contracts, incidents, reports, keys, and what its services are up to.

    Exit status: 0 done, 1 refused or failed (doctor: something is wrong), 2 wrong usage, 3 (doctor alone) nothing is
    wrong, and not everything could be seen.
    """
    ctx.obj = Session(context, output, timeout)
    if version:
        from importlib.metadata import version as version_of

        say(f"upheld {version_of('upheld-shared')}")
        raise typer.Exit


def main() -> None:
    """The console script."""
    app(prog_name="upheld")


if __name__ == "__main__":
    main()
