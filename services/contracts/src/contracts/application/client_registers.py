"""The lists that the client keeps of his software: functions, anomalies, works; each with how fresh it is."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.application import obligations
from contracts.application.errors import NotNow, Refused, named_at
from contracts.application.obligation_terms import REGISTERS, Register, register_code
from contracts.application.obligations import Obligation
from contracts.application.ports import Workspace
from contracts.application.register_records import Evidence, Long, Record, changed
from contracts.application.register_words import Words, named
from contracts.application.values import Name, Reason, Request, unchanged
from contracts.domain.obligations import Status, overdue
from shared.values import Instant

_CONTRACT = "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a31"
EntryState = Literal["current", "removed", "open", "being_fixed", "fixed", "accepted", "done"]


class EntryFields(Request):
    """A function of the software, an anomaly, or work that was done."""

    title: Name = Field(examples=["Online booking"])
    description: Long = ""
    state: EntryState = "current"


class NewEntry(EntryFields):
    """An entry to make in one of the client's registers."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "contract_id": _CONTRACT,
                    "kind": "functions",
                    "title": "Online booking",
                    "description": "Rooms and tables, with a deposit",
                }
            ]
        },
    )

    contract_id: UUID
    kind: Register
    site_id: UUID | None = None


class EntryPatch(Request):
    """What to change of an entry (merge patch)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"state": "removed"}]})

    title: Name = unchanged()
    description: Long = unchanged()
    state: EntryState = unchanged()


class RegisterEntry(Record):
    """An entry of one of the client's registers. What the service desk records is entered by itself."""

    NAMED: ClassVar[tuple[str, ...]] = ("kind", "state")

    entry_id: UUID
    contract_id: UUID
    site_id: UUID | None
    kind: Register
    title: str
    description: str
    state: EntryState
    source: Literal["api", "service_desk"]
    source_id: UUID | None = Field(description="The record of the service desk that it tells of.")
    source_version: int | None


class Confirmation(Request):
    """That a register was gone through, and says what is so."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"contract_id": _CONTRACT, "kind": "functions"}]}
    )

    contract_id: UUID
    kind: Register
    note: Reason | None = Field(default=None, description="How it was checked.")


class ClientRegister(BaseModel):
    """How fresh one of the client's registers is, by what was agreed."""

    contract_id: UUID
    client_id: UUID
    kind: Register
    name: Words
    obligation_id: UUID = Field(description="The client's obligation to keep it fresh.")
    stale_after_days: int = Field(ge=1)
    updated_at: Instant | None = Field(description="Null: never since it was agreed.")
    fresh_until: Instant
    stale: bool = Field(description="Its time is over: a breach by the client.")


class Told(BaseModel):
    """What the service desk has recorded, as an entry tells it."""

    kind: Register
    source_id: UUID
    source_version: int
    contract_id: UUID
    site_id: UUID | None
    title: str
    description: str
    state: EntryState


async def enter(work: Workspace, new: NewEntry) -> RegisterEntry:
    """A new entry, which keeps its register fresh. Raises Unknown and Refused."""
    with named_at("contract_id"):
        contract = await work.contracts.get(new.contract_id)
    if new.site_id is not None and new.site_id not in contract.terms.site_ids:
        raise Refused("is not under this contract", "site_id")
    return await _add(work, contract.client_id, {**new.model_dump(), "source": "api"})


async def change_entry(work: Workspace, entry: RegisterEntry, changes: dict[str, Any]) -> RegisterEntry:
    """The locked entry with other values. Raises NotNow for what the service desk tells: it is changed there."""
    if entry.source == "service_desk":
        raise NotNow("This entry tells of a record of the service desk: change that one.")
    return await _change(work, entry, changes)


async def follow_record(work: Workspace, told: Told, *, begin: bool = True) -> RegisterEntry | None:
    """The entry of a record of the service desk, by its newest version; None for an older one.

    Without `begin` only an entry that is there follows. Raises Unknown.
    """
    known = await work.registers.entries.of_source(told.kind, told.source_id)
    if known is not None and (known.source_version or 0) >= told.source_version:
        return None
    if known is not None:
        shown = told.model_dump(include={"site_id", "title", "description", "state", "source_version"})
        return await _change(work, known, shown)
    if not begin:
        return None
    contract = await work.contracts.get(told.contract_id)
    return await _add(work, contract.client_id, {**told.model_dump(), "source": "service_desk"})


async def confirm(work: Workspace, confirmation: Confirmation) -> ClientRegister:
    """The register says what is so, as of now. Raises Unknown, or NotNow where its freshness is not agreed."""
    with named_at("contract_id"):
        await work.contracts.get(confirmation.contract_id)
    what = Evidence(what=confirmation.note or "Confirmed without changes")
    kept = await obligations.refresh(work, confirmation.contract_id, confirmation.kind, what)
    if kept is None:
        raise NotNow("The contract does not ask how fresh this register is: there is nothing to confirm.")
    return register_of(kept, work.now)


def register_of(obligation: Obligation, now: datetime) -> ClientRegister:
    """How fresh the register is that the obligation is about."""
    (register,) = (each for each in REGISTERS if register_code(each) == obligation.kind)
    assert obligation.every_days is not None
    return ClientRegister(
        contract_id=obligation.contract_id,
        client_id=obligation.client_id,
        kind=register,
        name=named(register),
        obligation_id=obligation.obligation_id,
        stale_after_days=obligation.every_days,
        updated_at=obligation.kept_at,
        fresh_until=obligation.due_at,
        stale=obligation.status is Status.BREACHED or overdue(obligation.standing, now),
    )


async def _add(work: Workspace, client_id: UUID, values: dict[str, Any]) -> RegisterEntry:
    entry = RegisterEntry.model_validate(
        {
            **dict.fromkeys(RegisterEntry.model_fields),
            **values,
            "entry_id": work.new_id(),
            "client_id": client_id,
            "version": 1,
            "created_at": work.now,
            "updated_at": work.now,
        }
    )
    await work.registers.entries.add(entry)
    await _refreshed(work, entry)
    return entry


async def _change(work: Workspace, entry: RegisterEntry, changes: dict[str, Any]) -> RegisterEntry:
    saved = changed(entry, work.now, **changes)
    await work.registers.entries.save(saved)
    await _refreshed(work, saved)
    return saved


async def _refreshed(work: Workspace, entry: RegisterEntry) -> None:
    evidence = Evidence(what=entry.title, reference=str(entry.entry_id))
    await obligations.refresh(work, entry.contract_id, entry.kind, evidence)
