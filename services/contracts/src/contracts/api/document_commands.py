"""Contracts as code from a terminal or a pipeline: plan, apply and export over the database of the installation."""

import argparse
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import NoReturn
from uuid import UUID

from contracts.adapters.document_lookups import Lookups, rehearsal, tenants_called
from contracts.adapters.document_yaml import LARGEST, BadYaml, Text, read, write
from contracts.adapters.workspace import workspace_of
from contracts.api.contract_documents import COMMENT
from contracts.application.contract_document import written
from contracts.application.contract_document_words import DocumentOutcome, as_text, told
from contracts.application.contract_reconciliation import DocumentRefused, exported, reconciled
from contracts.application.errors import Fault, NotNow, Refused
from contracts.application.service_desk_words import catalogues
from contracts.published.v1 import registry
from contracts.settings import ContractsSettings
from shared.unit_of_work import UnitsOfWork
from shared.worker import build_runtime

DONE, REFUSED, DIFFERENT = 0, 1, 2
"""Exit statuses. `plan` tells by them whether there is anything to apply, as a pipeline wants it."""


class _Cannot(Exception):
    """The command cannot be done; the message says why."""


class _Parser(argparse.ArgumentParser):
    """A wrong command is refused: 2 is a difference here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(REFUSED, f"{self.prog}: {message}\n")


async def plan(arguments: Sequence[str], settings: ContractsSettings) -> int:
    """show what a contract document would change: status 0 nothing, 2 something, 1 it cannot be applied"""
    options = _options("plan", plan.__doc__, arguments)
    outcome = await _reconcile(options, settings, keep=False)
    return REFUSED if outcome is None else DIFFERENT if outcome.changed else DONE


async def apply(arguments: Sequence[str], settings: ContractsSettings) -> int:
    """make it so that a contract document is true: status 0 it is so, 1 it cannot be applied"""
    options = _options("apply", apply.__doc__, arguments)
    return REFUSED if await _reconcile(options, settings, keep=True) is None else DONE


async def export(arguments: Sequence[str], settings: ContractsSettings) -> int:
    """write the document of a contract: export FILE --tenant T --client NAME --contract KEY"""
    parser = _parser("export", export.__doc__)
    parser.add_argument("--client", required=True, help="name of the client")
    parser.add_argument("--contract", required=True, help="external key or number of the contract")
    options = parser.parse_args(arguments)
    try:
        async with _units(settings) as units:
            tenant_id = await _tenant(units, options.tenant)
            async with units.for_tenant(tenant_id) as uow:
                lookups = Lookups(uow)
                client_id = _the_one(await lookups.clients_named(options.client), f"client {options.client}")
                found = await lookups.contracts_keyed(client_id, options.contract)
                work = workspace_of(uow)
                contract = await work.contracts.get(_the_one(found, f"contract {options.contract}"))
                content = write(await exported(work, contract), COMMENT)
        if options.file == "-":
            sys.stdout.write(content)
        else:
            Path(options.file).write_text(content, encoding="utf-8")  # noqa: ASYNC240  (nothing else runs here)
    except (_Cannot, NotNow, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    return DONE


def _parser(name: str, description: str | None) -> _Parser:
    parser = _Parser(prog=f"python -m contracts {name}", description=description)
    parser.add_argument("file", metavar="FILE", help="the document; - is the terminal")
    parser.add_argument("--tenant", required=True, help="id or name of the agency")
    return parser


def _options(name: str, description: str | None, arguments: Sequence[str]) -> argparse.Namespace:
    parser = _parser(name, description)
    parser.add_argument("--language", choices=["fr", "en"], default="en", help="of the words")
    parser.add_argument(
        "--effective-on", type=date.fromisoformat, metavar="DAY", help="from when a proposed amendment holds"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


async def _reconcile(options: argparse.Namespace, settings: ContractsSettings, *, keep: bool) -> DocumentOutcome | None:
    """Prints what the document changes; None when it cannot be applied, which is said then."""
    text: Text | None = None
    try:
        text = read(_content(options.file))
        document = written(text.values)
        async with _units(settings) as units:
            tenant_id = await _tenant(units, options.tenant)
            async with units.for_tenant(tenant_id) as uow:
                if keep:
                    found = await reconciled(workspace_of(uow), Lookups(uow), document, options.effective_on)
                else:
                    async with rehearsal(uow) as trial:
                        found = await reconciled(workspace_of(trial), Lookups(trial), document, options.effective_on)
    except (Refused, DocumentRefused) as error:
        sys.stderr.write("".join(_line(fault, options.file, text) for fault in error.faults))
        return None
    except BadYaml as error:
        sys.stderr.write(f"{options.file}:{error.place.line}:{error.place.column}: {error}\n")
        return None
    except (_Cannot, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return None
    outcome = told(found, catalogues().translator(options.language), applied=keep)
    sys.stdout.write(outcome.model_dump_json() + "\n" if options.json else as_text(outcome))
    return outcome


def _line(fault: Fault, file: str, text: Text | None) -> str:
    """A fault as compilers write it, so that editors jump to it."""
    assert text is not None  # there is no fault in a document that was not read
    place = text.place_of(fault.path)
    where = ".".join(str(step) for step in fault.path)
    return f"{file}:{place.line}:{place.column}: {where + ': ' if where else ''}{fault.detail}\n"


def _content(file: str) -> bytes:
    """At most one byte more than a document may have."""
    if file == "-":
        return sys.stdin.buffer.read(LARGEST + 1)
    with Path(file).open("rb") as opened:
        return opened.read(LARGEST + 1)


@asynccontextmanager
async def _units(settings: ContractsSettings) -> AsyncIterator[UnitsOfWork]:
    runtime = build_runtime(settings, registry)
    try:
        yield runtime.units
    finally:
        await runtime.close()


async def _tenant(units: UnitsOfWork, name: str) -> UUID:
    async with units.for_every_tenant() as uow:
        return _the_one(await tenants_called(uow, name), f"agency {name}")


def _the_one(found: Sequence[UUID], what: str) -> UUID:
    if len(found) != 1:
        raise _Cannot(f"There is no {what}." if not found else f"There are {len(found)} of {what}: name one by its id.")
    return found[0]
