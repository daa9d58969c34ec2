"""What every command starts from: the options before the command, the chosen context, a client of the APIs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from shared.cli.contexts import Context, ContextFile, chosen_context
from shared.cli.output import Output

if TYPE_CHECKING:
    from shared.cli.api_client import ApiClient

EVERYTHING = typer.Option("--all", help="Read all pages, not the first one.")
All = Annotated[bool, EVERYTHING]
LIMIT = typer.Option("--limit", min=1, max=200, help="Lines of the first page.")
Limit = Annotated[int | None, LIMIT]


@dataclass(frozen=True)
class Session:
    """The options before the command."""

    context_name: str | None = None
    output: Output = Output.table
    timeout: float = 30.0
    """Seconds for each answer."""

    @property
    def file(self) -> ContextFile:
        """The file of contexts."""
        return ContextFile()

    def context(self) -> Context:
        """The installation that the command is about. Raises CannotGoOn."""
        return chosen_context(self.context_name, self.file)

    @contextmanager
    def api(self, context: Context | None = None) -> "Iterator[ApiClient]":
        """A client of the installation; new tokens of a context in the file are written down there."""
        from shared.cli.api_client import ApiClient

        def keep(changed: Context) -> None:
            if changed.kept:
                self.file.put(changed)

        with ApiClient(context or self.context(), timeout=self.timeout, keep=keep) as client:
            yield client


def session_of(ctx: typer.Context) -> Session:
    """The session of the command that runs."""
    session: Session = ctx.find_object(Session) or Session()
    return session
