"""From a contract document to what is there, and back: the differences, made so by the use cases that the API has.

Nothing is changed behind anybody's back. What was signed changes by an amendment, which both parties sign; what others
count by as well (a calendar's present hours) does not change at all; what has ended stays as it ended.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, Protocol, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ValidationError

from contracts.application import amendments, contracts, life
from contracts.application.calendars import (
    Calendar,
    NewCalendar,
    NewCalendarVersion,
    add_calendar_version,
    create_calendar,
)
from contracts.application.catalogue import NewPlan, NewPlanVersion, PlanVersion, add_plan_version, create_plan
from contracts.application.clients import (
    Client,
    Contact,
    ContactFields,
    NewClient,
    add_contact,
    change_client,
    change_contact,
    create_client,
    remove_contact,
)
from contracts.application.contract_document import (
    FORMAT,
    CalendarDocument,
    Kind,
    PlanContent,
    SiteDocument,
    Written,
    ids_in_plan,
    ids_in_terms,
    said,
    stand_in,
    terms_said,
    terms_to_write,
    with_names,
)
from contracts.application.contracts import (
    OFFERED_WHEN_DRAFTED,
    AmendmentRequest,
    Contract,
    ContractPlan,
    NewContract,
    Terms,
    completed,
)
from contracts.application.errors import Fault, NotNow, Refused, Taken, Unknown
from contracts.application.parties import change_party, party_of
from contracts.application.ports import Workspace
from contracts.application.sites import (
    Environment,
    EnvironmentFields,
    NewSite,
    Site,
    add_environment,
    change_environment,
    change_site,
    create_site,
    remove_environment,
)
from contracts.domain.agreement import Incomplete
from contracts.domain.catalogue import CatalogueRule, PriceRefused
from contracts.domain.document_values import Difference, Path, differences
from contracts.domain.lifecycle import IllegalStep, Status

Action: TypeAlias = Literal[
    "create_client",
    "change_client",
    "change_party",
    "add_contact",
    "change_contact",
    "remove_contact",
    "create_calendar",
    "add_calendar_version",
    "create_plan",
    "add_plan_version",
    "create_site",
    "change_site",
    "add_environment",
    "change_environment",
    "remove_environment",
    "draft_contract",
    "change_draft",
    "withdraw_proposal",
    "propose_amendment",
    "withdraw_amendment",
]

_NOT_OF_THE_DOCUMENT: frozenset[Path] = frozenset({("terms", "effective_on"), ("terms", "effective_at")})
"""When an amendment begins is asked for beside the document."""


class DocumentLookups(Protocol):
    """What is known by a name."""

    async def hold(self) -> None:
        """No other document is applied for this agency until the transaction ends: names are found once, made once."""

    async def clients_named(self, name: str) -> Sequence[UUID]:
        """Ids of the clients with this name."""

    async def contracts_keyed(self, client_id: UUID, key: str) -> Sequence[UUID]:
        """Ids of the client's contracts with this external key, or without one and with this number."""

    async def user_at(self, email: str) -> UUID | None:
        """The agency's user with this address."""


@dataclass(frozen=True)
class Operation:
    """One thing to do. `subject` names what it is done to; `differences` are at their places in the document."""

    action: Action
    subject: str
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What was done, in its order, and the contract as it is then. `found`: as it was before; None: it was not."""

    operations: tuple[Operation, ...]
    contract: Contract
    found: Contract | None


class DocumentRefused(Exception):
    """The document cannot be applied; `faults` say why, at places of the document."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__(faults[0].detail)


class DocumentConflict(DocumentRefused):
    """The document is right, and what is there does not allow it."""


@contextmanager
def _said_at(document: Written, *base: str | int) -> Iterator[None]:
    """What the block refuses is refused at its place in the document; `base` leads to what the block was given."""

    def at(path: Path, detail: str) -> Fault:
        whole = (*base, *path)
        if whole in _NOT_OF_THE_DOCUMENT:
            whole = ()
        return Fault(document.place(("plan", "code") if whole == ("terms", "plan_code") else whole), detail)

    try:
        yield
    except Refused as error:
        raise DocumentRefused(*(at(fault.path, fault.detail) for fault in error.faults)) from error
    except ValidationError as error:
        faults = Refused.because_of(error).faults
        raise DocumentRefused(*(at(fault.path, fault.detail) for fault in faults)) from error
    except PriceRefused as error:
        raise DocumentRefused(at(error.path, str(error))) from error
    except CatalogueRule as error:
        raise DocumentRefused(at(("deliverables",), str(error))) from error
    except Incomplete as error:
        raise DocumentRefused(
            *(Fault(document.place(_steps(item.pointer)), item.detail) for item in error.missing)
        ) from error
    except (Unknown, Taken, NotNow, IllegalStep) as error:
        raise DocumentConflict(at((), str(error))) from error


def _steps(pointer: str) -> Path:
    """A JSON Pointer as a path."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    return tuple(int(part) if part.isdecimal() else part for part in parts)


# --- from what is there ----------------------------------------------------------------------------------------------


async def exported(work: Workspace, contract: Contract) -> dict[str, Any]:
    """The document of a contract, with the newest terms: those of the last amendment to come, else those in force.

    Raises NotNow when two things have one name, so that no document could tell them apart.
    """
    newest = contract.amendment or await amendments.base_of(work, contract)
    terms = newest.terms
    client = await work.clients.get(contract.client_id)
    sites = await work.sites.of_client(contract.client_id)
    under = [site for site_id in terms.site_ids for site in sites if site.site_id == site_id]
    _check_told_apart("sites of the client", [site.name for site in under])
    _check_told_apart("contacts of the client", [_who(contact) for contact in client.contacts])
    for site in under:
        _check_told_apart(f"environments of {site.name}", [environment.name for environment in site.environments])
    plan = await work.plans.version(newest.plan.plan_id, newest.plan.number)
    catalogue = (await work.plans.get(plan.plan_id)).catalogue
    content = PlanContent.of(plan, catalogue)
    names = await _names(work, [*ids_in_terms(terms), *ids_in_plan(content)], sites)
    written_terms = with_names(terms_to_write(terms, plan), names, ("terms",))
    written_content = with_names(said(content), names, ("plan", "content"))
    calendars = [
        calendar
        for name in sorted(_calendars_named([written_terms, written_content]))
        if (calendar := await work.calendars.by_name(name)) is not None
    ]
    return {
        "format": FORMAT,
        "key": terms.external_key or contract.number,
        "client": await _client_as_written(work, client),
        "sites": [_site_as_written(site) for site in under],
        "calendars": [said(_calendar_as_written(work, calendar)) for calendar in calendars],
        "plan": {"code": plan.code, "content": written_content},
        "terms": written_terms,
    }


async def _names(work: Workspace, ids: Sequence[tuple[Kind, str]], sites: Sequence[Site]) -> dict[str, str]:
    """Id to name of everything that terms point to."""
    names = {str(site.site_id): site.name for site in sites}
    users = {wanted for kind, wanted in ids if kind == "user"}
    return names | {wanted: (await work.users.get(UUID(wanted))).email for wanted in sorted(users)}


def _calendars_named(value: Any) -> set[str]:
    """Names under the keys that name calendars: `calendar`, `hotline_calendar` …"""
    if isinstance(value, Mapping):
        return {
            name
            for key, inner in value.items()
            for name in (
                {inner}
                if isinstance(inner, str) and (key == "calendar" or key.endswith("_calendar"))
                else _calendars_named(inner)
            )
        }
    return {name for inner in value for name in _calendars_named(inner)} if isinstance(value, list) else set()


def _check_told_apart(nouns: str, names: Sequence[object]) -> None:
    if len(set(names)) != len(names):
        raise NotNow(f"Two {nouns} have one name. Rename one: a document knows them by it.")


async def _client_as_written(work: Workspace, client: Client) -> dict[str, Any]:
    party = (await party_of(work, client.client_id)).party
    people = sorted(client.contacts, key=_who)
    return {
        **client.model_dump(mode="json", include={"name", "language", "time_zone", "currency", "country"}),
        "contacts": [_fields(contact, ContactFields) for contact in people],
        **({} if party is None else {"party": said(party)}),
    }


def _site_as_written(site: Site) -> dict[str, Any]:
    environments = sorted(site.environments, key=lambda environment: environment.name)
    return {
        "name": site.name,
        "kind": site.kind,
        "environments": [_fields(environment, EnvironmentFields) for environment in environments],
    }


def _calendar_as_written(work: Workspace, calendar: Calendar) -> CalendarDocument:
    """What holds now, and what will: the past of a calendar is its installation's."""
    past = [version for version in calendar.versions if (version.effective_from or work.now) <= work.now]
    return CalendarDocument(
        name=calendar.name,
        title=calendar.title,
        calendar=calendar.versions[len(past) - 1].calendar,
        changes=[
            NewCalendarVersion(effective_from=version.effective_from, calendar=version.calendar)
            for version in calendar.versions[len(past) :]
            if version.effective_from is not None
        ],
    )


def _fields(stored: Contact | Environment, model: type[ContactFields | EnvironmentFields]) -> dict[str, Any]:
    return stored.model_dump(mode="json", include=set(model.model_fields))


def _who(contact: ContactFields) -> tuple[str, str]:
    return contact.email, contact.name


# --- to what is there ------------------------------------------------------------------------------------------------


async def reconciled(
    work: Workspace, lookups: DocumentLookups, document: Written, effective_on: date | None = None
) -> Outcome:
    """Makes it so, and tells what that took; nothing when it is so already.

    `effective_on` is the day from which an amendment that is proposed holds; None: from when it is applied. Raises
    DocumentRefused, or DocumentConflict; then the transaction must be left.
    """
    await lookups.hold()
    return await _Reconciliation(work, lookups, document, effective_on).run()


@dataclass
class _Reconciliation:
    work: Workspace
    lookups: DocumentLookups
    written: Written
    effective_on: date | None
    operations: list[Operation] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    """Stand-in to the id that it stands for."""
    names: dict[str, str] = field(default_factory=dict)
    """Id to name, of both."""

    async def run(self) -> Outcome:
        document = self.written.document
        await self._users()
        client = await self._client()
        found = await self._contract(client)
        for index, calendar in enumerate(document.calendars):
            with _said_at(self.written, "calendars", index):
                await self._calendar(calendar, index)
        site_ids = [await self._site(client, site, index) for index, site in enumerate(document.sites)]
        for site in await self.work.sites.of_client(client.client_id):
            self.names[str(site.site_id)] = site.name
        self.ids |= {str(stand_in("site", self.names[str(site_id)])): str(site_id) for site_id in site_ids}
        contract = await (self._draft(client) if found is None else self._change(found))
        return Outcome(tuple(self.operations), contract, found)

    def _note(self, action: Action, subject: str, *found: Difference) -> None:
        self.operations.append(Operation(action, subject, found))

    async def _users(self) -> None:
        for email, path in self.written.users.items():
            user_id = await self.lookups.user_at(email)
            if user_id is None:
                raise DocumentRefused(
                    Fault(path, f"The agency has no user {email}. Add the user, or name somebody else.")
                )
            self.ids[str(stand_in("user", email))] = str(user_id)
            self.names[str(user_id)] = email

    # -- the client ----------------------------------------------------------------------------------------------------

    async def _client(self) -> Client:
        wanted = self.written.document.client
        ids = await self.lookups.clients_named(wanted.name)
        if len(ids) > 1:
            detail = f"{len(ids)} clients are called {wanted.name}. Rename all but one: a document knows them by it."
            raise DocumentConflict(Fault(("client", "name"), detail))
        own = wanted.model_dump(exclude={"name", "contacts", "party"}, exclude_none=True)
        if not ids:
            client = await create_client(self.work, NewClient(name=wanted.name, contacts=wanted.contacts or [], **own))
            self._note("create_client", client.name)
        else:
            client = await self.work.clients.locked(ids[0])
            found = tuple(differences({key: getattr(client, key) for key in own}, own, ("client",)))
            if found:
                client = await change_client(self.work, client, own)
                self._note("change_client", client.name, *found)
            if wanted.contacts is not None:
                client = await self._contacts(client, wanted.contacts)
        if wanted.party is not None:
            party = await party_of(self.work, client.client_id)
            before = None if party.party is None else said(party.party)
            found = tuple(differences(before, said(wanted.party), ("client", "party")))
            if found:
                await change_party(self.work, client.client_id, party, wanted.party)
                self._note("change_party", client.name, *found)
        return client

    async def _contacts(self, client: Client, wanted: Sequence[ContactFields]) -> Client:
        """The client's people are these. One is known by his address and, where several share it, by his name too."""
        addresses = [contact.email for contact in wanted]
        stored = [contact.email for contact in client.contacts]
        shared = {email for email in addresses if addresses.count(email) > 1 or stored.count(email) > 1}

        def key(contact: ContactFields) -> tuple[str, str]:
            return contact.email, contact.name if contact.email in shared else ""

        there = {key(contact): contact for contact in client.contacts}
        for contact in client.contacts:
            if key(contact) not in {key(one) for one in wanted} or there[key(contact)] is not contact:
                await remove_contact(self.work, await self.work.clients.locked(client.client_id), contact)
                self._note("remove_contact", contact.name)
        for index, one in enumerate(wanted):
            known = there.get(key(one))
            with _said_at(self.written, "client", "contacts", index):
                if known is None:
                    await add_contact(self.work, client.client_id, one)
                    self._note("add_contact", one.name)
                    continue
                # Roles are a set: their order says nothing.
                before = _fields(known, ContactFields) | {"roles": sorted(known.roles)}
                after = one.model_dump(mode="json") | {"roles": sorted(one.roles)}
                found = tuple(differences(before, after, ("client", "contacts", index)))
                if found:
                    locked = await self.work.clients.locked(client.client_id)
                    await change_contact(self.work, locked, known, one.model_dump())
                    self._note("change_contact", one.name, *found)
        return await self.work.clients.get(client.client_id)

    # -- calendars and the plan ----------------------------------------------------------------------------------------

    async def _calendar(self, wanted: CalendarDocument, index: int) -> None:
        stored = await self.work.calendars.by_name(wanted.name)
        begun = [change for change in wanted.changes if change.effective_from <= self.work.now]
        now = begun[-1].calendar if begun else wanted.calendar
        later = wanted.changes[len(begun) :]
        if stored is None:
            stored = await create_calendar(self.work, NewCalendar(name=wanted.name, title=wanted.title, calendar=now))
            self._note("create_calendar", wanted.name)
            there: list[NewCalendarVersion] = []
        else:
            live = _calendar_as_written(self.work, stored)
            if (live.title, live.calendar) != (wanted.title, now):
                raise Refused(
                    f"The calendar {wanted.name} says something else here, and other contracts count by it. Give this"
                    " one another name, or put its hours under `changes` with an instant in the future."
                )
            there = live.changes
        if there != later[: len(there)]:
            raise Refused(
                f"The calendar {wanted.name} has other versions to come here. Write them as they are, and yours after"
                " them.",
                "changes",
            )
        for change in later[len(there) :]:
            stored = await add_calendar_version(self.work, await self.work.calendars.locked(stored.calendar_id), change)
            place: Path = ("calendars", index, "changes", wanted.changes.index(change))
            after = change.model_dump(mode="json", by_alias=True)
            self._note("add_calendar_version", wanted.name, Difference(place, None, after))

    def _content(self) -> PlanContent | None:
        """What the plan must promise, with ids for names."""
        content = self.written.document.plan.content
        if content is None:
            return None
        return PlanContent.model_validate(self._with_ids(content.model_dump(mode="json", by_alias=True)))

    def _with_ids(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._with_ids(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._with_ids(inner) for inner in value]
        return self.ids.get(value, value) if isinstance(value, str) else value

    async def _is_this_plan(self, plan: ContractPlan) -> bool:
        if plan.code != self.written.document.plan.code:
            return False
        content = self._content()
        return content is None or _same_promises(content, await self.work.plans.version(plan.plan_id, plan.number))

    async def _plan(self) -> PlanVersion:
        """The newest version of the plan, made to promise what the document says."""
        code, content = self.written.document.plan.code, self._content()
        plan = await self.work.plans.by_code(code)
        if content is None:
            if plan is None:
                raise DocumentRefused(
                    Fault(("plan", "code"), f"There is no plan {code}. Say under `content` what it promises.")
                )
            return plan.current
        if plan is not None and _same_promises(content, plan.current):
            return plan.current
        version = content.model_dump(mode="json", by_alias=True, exclude={"catalogue"})
        with _said_at(self.written, "plan", "content"):
            if plan is None:
                new = NewPlan.model_validate({**version, "code": code, "catalogue": content.catalogue})
                plan = await create_plan(self.work, new)
                self._note("create_plan", code)
                return plan.current
            before = await self._plan_in_words(PlanContent.of(plan.current, content.catalogue))
            after = await self._plan_in_words(content)
            found = tuple(differences(before, after, ("plan", "content")))
            locked = await self.work.plans.locked(plan.plan_id)
            plan = await add_plan_version(self.work, locked, NewPlanVersion.model_validate(version))
            self._note("add_plan_version", code, *found)
            return plan.current

    async def _plan_in_words(self, content: PlanContent) -> Any:
        self.names |= await _names(self.work, list(ids_in_plan(content)), [])
        return with_names(said(content), self.names, ("plan", "content"))

    # -- sites ---------------------------------------------------------------------------------------------------------

    async def _site(self, client: Client, wanted: SiteDocument, index: int) -> UUID:
        place = ("sites", index)
        named = [site for site in await self.work.sites.of_client(client.client_id) if site.name == wanted.name]
        if len(named) > 1:
            detail = f"The client has {len(named)} sites called {wanted.name}. Rename all but one."
            raise DocumentConflict(Fault((*place, "name"), detail))
        if not named:
            new = NewSite(
                client_id=client.client_id,
                name=wanted.name,
                kind=wanted.kind or "website",
                environments=wanted.environments or [],
            )
            site = await create_site(self.work, new)
            self._note("create_site", site.name)
            return site.site_id
        site = await self.work.sites.locked(named[0].site_id)
        if wanted.kind is not None and wanted.kind != site.kind:
            before = site.kind
            site = await change_site(self.work, site, {"kind": wanted.kind})
            self._note("change_site", site.name, Difference((*place, "kind"), before, wanted.kind))
        if wanted.environments is not None:
            with _said_at(self.written, *place, "environments"):
                await self._environments(site, wanted.environments, (*place, "environments"))
        return site.site_id

    async def _environments(self, site: Site, wanted: Sequence[EnvironmentFields], place: Path) -> None:
        _check_told_apart(f"environments of {site.name}", [environment.name for environment in site.environments])
        for environment in site.environments:
            if environment.name not in {one.name for one in wanted}:
                locked = await self.work.sites.locked(site.site_id)
                await remove_environment(self.work, locked, environment)
                self._note("remove_environment", f"{site.name}, {environment.name}")
        there = {environment.name: environment for environment in site.environments}
        for index, one in enumerate(wanted):
            known = there.get(one.name)
            if known is None:
                await add_environment(self.work, site.site_id, one)
                self._note("add_environment", f"{site.name}, {one.name}")
                continue
            found = tuple(differences(_fields(known, EnvironmentFields), one.model_dump(mode="json"), (*place, index)))
            if found:
                locked = await self.work.sites.locked(site.site_id)
                await change_environment(self.work, locked, known, one.model_dump())
                self._note("change_environment", f"{site.name}, {one.name}", *found)

    # -- the contract --------------------------------------------------------------------------------------------------

    async def _contract(self, client: Client) -> Contract | None:
        key = self.written.document.key
        ids = await self.lookups.contracts_keyed(client.client_id, key)
        if len(ids) > 1:
            raise DocumentConflict(
                Fault(
                    ("key",), f"{len(ids)} contracts of {client.name} are called {key}. Give all but one another key."
                )
            )
        return await life.current(self.work, ids[0]) if ids else None

    def _terms(self, external_key: str | None) -> tuple[dict[str, Any], frozenset[str]]:
        """What was written of the terms, with ids, and which of them were."""
        terms = self.written.document.terms
        chosen = frozenset(terms.model_fields_set)
        content = {key: value for key, value in terms.model_dump(mode="json", by_alias=True).items() if key in chosen}
        return self._with_ids(content) | {"external_key": external_key}, chosen

    async def _draft(self, client: Client) -> Contract:
        document = self.written.document
        plan = await self._plan()
        content, _ = self._terms(document.key)
        with _said_at(self.written, "terms"):
            contract = await contracts.draft_contract(
                self.work,
                NewContract.model_validate({**content, "client_id": client.client_id, "plan_code": plan.code}),
            )
        self._note("draft_contract", document.key)
        return contract

    async def _change(self, found: Contract) -> Contract:
        content, chosen = self._terms(found.terms.external_key)
        base = await amendments.base_of(self.work, found)
        newest = found.amendment or base
        # What was offered when it was drafted stays, unless the document says otherwise.
        kept = newest.terms.model_dump(mode="json", by_alias=True, include=set(OFFERED_WHEN_DRAFTED - chosen))
        wanted = Terms.model_validate(content | kept)

        async def full(plan: ContractPlan) -> Terms:
            return completed(await self.work.plans.version(plan.plan_id, plan.number), wanted, chosen)

        same_plan = await self._is_this_plan(newest.plan)
        if same_plan and _equal(await full(newest.plan), newest.terms) and not await self._is_stale(found, newest):
            return found
        self._check_changeable(found)
        contract = found
        if contract.amendment is not None:
            contract = await contracts.withdraw_amendment(self.work, contract)
            self._note("withdraw_amendment", found.number)
            same_plan = await self._is_this_plan(base.plan)
            if same_plan and _equal(await full(base.plan), base.terms) and not await self._is_stale(contract, base):
                return contract
        if contract.status is Status.PROPOSED:
            contract = await contracts.withdraw_contract(self.work, contract)
            self._note("withdraw_proposal", found.number)
        plan = await self.work.plans.version(base.plan.plan_id, base.plan.number) if same_plan else await self._plan()
        terms = completed(plan, wanted, chosen)
        changed = await self._changed_terms(newest, terms, plan)
        if contract.status is not Status.DRAFT:
            contract = await self._amend(contract, base, terms, None if same_plan else plan.code, found.amendment)
            self._note("propose_amendment", found.number, *changed)
        elif not same_plan or not _equal(terms, contract.terms):
            with _said_at(self.written, "terms"):
                contract = await contracts.change_plan(self.work, contract, plan, terms)
            self._note("change_draft", found.number, *changed)
        return contract

    async def _is_stale(self, contract: Contract, newest: Contract | contracts.Amendment) -> bool:
        """Whether what was signed, or waits for it, says otherwise of its client and sites than what is there now.

        They are changed at once, and are in force only by another document, whatever became of an earlier one.
        """
        if newest.document is None or contract.status in (Status.DRAFT, Status.TERMINATED, Status.EXPIRED):
            return False
        document = await self.work.contracts.document(contract.contract_id, newest.document.number)
        signed = json.loads(document.text)
        client = await self.work.clients.get(contract.client_id)
        sites = [await self.work.sites.get(site_id) for site_id in newest.terms.site_ids]
        there = {"client": contracts.client_said(client), "sites": contracts.sites_said(sites)}
        return not all(_holds(signed[part], there[part]) for part in there)

    async def _amend(
        self,
        contract: Contract,
        base: Contract,
        terms: Terms,
        plan_code: str | None,
        withdrawn: contracts.Amendment | None,
    ) -> Contract:
        """The contract with an amendment to these terms, from the day asked for, else that of the withdrawn."""
        asked, before = _json(terms), _json(base.terms)
        # A price that is the same is not agreed anew: an index may have made another one of it. All else is as it is
        # said here, whatever another plan would say.
        moves = {"price", "indexation"}
        request: dict[str, Any] = {key: asked[key] for key in asked if key not in moves or asked[key] != before[key]}
        if plan_code is not None:
            request["plan_code"] = plan_code
        if self.effective_on is not None:
            request["effective_on"] = self.effective_on
        elif withdrawn is not None and withdrawn.effective_at is not None:
            request["effective_at"] = withdrawn.effective_at
        with _said_at(self.written, "terms"):
            return await amendments.propose(self.work, contract, base, terms, AmendmentRequest.model_validate(request))

    def _check_changeable(self, contract: Contract) -> None:
        """Raises DocumentConflict where a person must decide first."""
        waiting = contract.amendment
        signatures = contract.signatures if waiting is None else waiting.signatures
        at = ("key",)
        if contract.status in (Status.TERMINATED, Status.EXPIRED):
            detail = f"The contract {contract.number} has ended and stays as it is. Give the document another key."
        elif contract.status is Status.SUSPENDED:
            detail = f"The contract {contract.number} is suspended. Resume it, then apply the document."
        elif contract.status is Status.SIGNED:
            detail = f"The contract {contract.number} is signed and not in force yet. Activate it, then apply."
        elif contract.status is Status.PROPOSED and signatures:
            detail = f"Somebody has signed the proposal of {contract.number}. Withdraw it yourself, then apply."
        elif waiting is not None and signatures:
            detail = (
                f"Somebody has signed the amendment of {contract.number}. Withdraw it yourself, or put it in force."
            )
        else:
            return
        raise DocumentConflict(Fault(at, detail))

    async def _changed_terms(
        self, newest: Contract | contracts.Amendment, terms: Terms, plan: PlanVersion
    ) -> list[Difference]:
        """What is other than in the newest terms, at its places in the document."""
        self.names |= await _names(self.work, [*ids_in_terms(newest.terms), *ids_in_terms(terms)], [])
        before, after = (with_names(terms_said(one), self.names, ("terms",)) for one in (newest.terms, terms))
        return [
            *differences(newest.plan.code, plan.code, ("plan", "code")),
            *differences(
                [self.names[str(site_id)] for site_id in newest.terms.site_ids],
                [self.names[str(site_id)] for site_id in terms.site_ids],
                ("sites",),
            ),
            *differences(before, after, ("terms",)),
        ]


def _same_promises(content: PlanContent, version: PlanVersion) -> bool:
    """Whether a plan's version promises what the document says; in which catalogue it is offered is no promise."""
    return _json(content) == _json(PlanContent.of(version, content.catalogue))


def _holds(signed: Any, there: Any) -> bool:
    """Whether all that was signed is so; what documents did not speak of yet may be anything."""
    if isinstance(signed, Mapping) and isinstance(there, Mapping):
        return all(key in there and _holds(value, there[key]) for key, value in signed.items())
    if isinstance(signed, list) and isinstance(there, list):
        return len(signed) == len(there) and all(map(_holds, signed, there))
    return bool(signed == there)


def _equal(one: Terms, other: Terms) -> bool:
    return _json(one) == _json(other)


def _json(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True)
