"""The client's configuration: items and their versions, what does not go together, until when they are supported."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.application import advice
from contracts.application.errors import Refused, named_at
from contracts.application.ports import Workspace
from contracts.application.register_records import Label, Long, LongTexts, RangeText, Record, changed, in_words
from contracts.application.register_words import Words, in_both
from contracts.application.values import Name, Request, unchanged
from contracts.domain import agreement
from contracts.domain import configuration as rules
from contracts.domain.configuration import ItemKind, State
from contracts.domain.version_ranges import VersionRange
from shared.i18n import Translator
from shared.values import Instant, LocalDate

SupportPhase = Literal["end_of_support", "end_of_life"]

_ITEM = "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a21"
_OTHER = "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a22"
_CLIENT = "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a11"
MOST_INCOMPATIBILITIES = 200


# --- items and versions ----------------------------------------------------------------------------------------------


class NewVersion(Request):
    """What is in service from an instant on; never a password or another secret."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"label": "8.3.14"}]},
    )

    label: Label = Field(description="The version, or the value of a parameter.", examples=["8.3.14"])
    state: State = Field(
        default=State.IN_SERVICE, description="`withdrawn` says only that the version that it corrects never was."
    )
    effective_from: Instant | None = Field(default=None, description="Not in the future; left out: now.")
    corrects: Annotated[int, Field(strict=True)] | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Number of a wrong version that this one takes the place of.",
        json_schema_extra={"format": "int32"},
    )
    note: Long = ""


class NewConfigurationItem(Request):
    """A part of a client's system to keep track of, with what is in service now."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "client_id": _CLIENT,
                    "kind": "application",
                    "name": "shop",
                    "description": "The shop of the hotel",
                    "current": {"label": "2.4.0"},
                }
            ]
        },
    )

    client_id: UUID
    site_id: UUID | None = Field(default=None, description="The site that it is part of; null: of several, or none.")
    kind: ItemKind
    name: Name = Field(description="Unique for the client: deployments name it.", examples=["shop"])
    description: Long = ""
    current: NewVersion | None = None


class ConfigurationItemPatch(Request):
    """What to change of an item (merge patch). Its versions are recorded, not changed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"description": "The shop, since 2024"}]})

    site_id: UUID | None = None
    name: Name = unchanged()
    description: Long = unchanged()


class ConfigurationItem(Record):
    """A configuration item with what holds now; null: nothing was recorded yet."""

    NAMED: ClassVar[tuple[str, ...]] = ("kind", "state")

    configuration_item_id: UUID
    site_id: UUID | None
    kind: ItemKind
    name: str
    description: str
    label: str | None = Field(description="The present version.")
    state: State | None
    since: Instant | None = Field(description="From when the present version has held.")


class Incompatibility(BaseModel):
    """A version that does not go together with what is beside it."""

    rule_id: UUID
    other_item_id: UUID
    other_name: str
    other_label: str
    explanation: Words


class ConfigurationVersion(BaseModel):
    """One version of an item as it was recorded; it is never changed."""

    configuration_item_id: UUID
    client_id: UUID
    number: int = Field(ge=1)
    label: str
    state: State
    effective_from: Instant
    corrects: int | None
    note: str
    source: Literal["api", "delivery"]
    delivery_id: UUID | None
    incompatibilities: list[Incompatibility] = Field(
        max_length=MOST_INCOMPATIBILITIES, description="What it did not go together with when it was recorded."
    )
    recorded_at: Instant
    recorded_by: str
    in_words: dict[str, Words] = Field(max_length=20)

    @model_validator(mode="before")
    @classmethod
    def _say_in_words(cls, data: Any) -> Any:
        return {**data, "in_words": in_words(("state",), data)}


class ItemState(BaseModel):
    """An item at an instant; without a version nothing was known of it then."""

    configuration_item_id: UUID
    client_id: UUID
    site_id: UUID | None
    kind: ItemKind
    name: str
    at: Instant
    known_at: Instant
    held: ConfigurationVersion | None


class Compatibility(BaseModel):
    """Whether an item goes together with what is beside it, in the version that it has or would have."""

    configuration_item_id: UUID
    label: str | None
    at: Instant
    compatible: bool
    incompatibilities: list[Incompatibility] = Field(max_length=MOST_INCOMPATIBILITIES)


async def create_item(work: Workspace, new: NewConfigurationItem) -> ConfigurationItem:
    """A new item; says `configuration_item.changed`. Raises Unknown, Refused, Taken, NotRecordable."""
    with named_at("client_id"):
        await work.clients.get(new.client_id)
    await _check_site(work, new.client_id, new.site_id)
    item = ConfigurationItem.model_validate(
        {
            **new.model_dump(exclude={"current"}),
            "configuration_item_id": work.new_id(),
            "version": 1,
            "label": None,
            "state": None,
            "since": None,
            "created_at": work.now,
            "updated_at": work.now,
        }
    )
    await work.registers.items.add(item)
    if new.current is None:
        work.registers.announcer.item_changed(item, None)
        return item
    item, _ = await record_version(work, item, new.current)
    return item


async def change_item(work: Workspace, item: ConfigurationItem, changes: dict[str, Any]) -> ConfigurationItem:
    """The locked item with other values; says `configuration_item.changed`. Raises Refused, Taken."""
    if changes.get("site_id") is not None:
        await _check_site(work, item.client_id, changes["site_id"])
    saved = changed(item, work.now, **changes)
    await work.registers.items.save(saved)
    held = rules.as_of(await work.registers.items.versions_of([item.configuration_item_id]), work.now, work.now)
    work.registers.announcer.item_changed(saved, held)
    return saved


async def _check_site(work: Workspace, client_id: UUID, site_id: UUID | None) -> None:
    if site_id is not None and site_id not in {site.site_id for site in await work.sites.of_client(client_id)}:
        raise Refused("is not one of this client's", "site_id")


async def record_version(
    work: Workspace, item: ConfigurationItem, new: NewVersion, delivery_id: UUID | None = None
) -> tuple[ConfigurationItem, ConfigurationVersion]:
    """One more version of the locked item, flagged if it does not go together with the others.

    Says `configuration_item.changed`, and raises an advisory when it is past its support. Raises NotRecordable.
    """
    items = work.registers.items
    versions = await items.versions_of([item.configuration_item_id])
    effective_from = new.effective_from or work.now
    rules.check_next(versions, new.state, effective_from, new.corrects, work.now)
    version = ConfigurationVersion.model_validate(
        {
            **new.model_dump(),
            "configuration_item_id": item.configuration_item_id,
            "client_id": item.client_id,
            "number": len(versions) + 1,
            "effective_from": effective_from,
            "source": "api" if delivery_id is None else "delivery",
            "delivery_id": delivery_id,
            "incompatibilities": [],
            "recorded_at": work.now,
            "recorded_by": work.actor,
        }
    )
    held = rules.as_of([*versions, version], work.now, work.now)
    if new.state is State.IN_SERVICE:
        # What holds now is judged beside what is there now, what is over beside what was there then.
        at = work.now if held is version else effective_from
        found = await incompatibilities(work, item, version.label, at)
        version = version.model_copy(update={"incompatibilities": found})
        held = version if held is not None and held.number == version.number else held
    await items.add_version(version)
    saved = changed(
        item,
        work.now,
        label=None if held is None else held.label,
        state=None if held is None else held.state,
        since=None if held is None else held.effective_from,
    )
    await items.save(saved)
    work.registers.announcer.item_changed(saved, held)
    for end in await work.registers.support_ends.of_item(item.configuration_item_id):
        await look_at_support(work, end, saved)
    return saved, version


async def incompatibilities(
    work: Workspace, item: ConfigurationItem, label: str, at: datetime
) -> list[Incompatibility]:
    """What the item does not go together with in this version, beside what was in service at `at`."""
    stored = await work.registers.rules.touching(item.configuration_item_id)
    partners = {
        other
        for rule in stored
        for other in (rule.configuration_item_id, rule.other_item_id)
        if other != item.configuration_item_id
    }
    if not partners:
        return []
    recorded = await work.registers.items.versions_of(sorted(partners))
    others: dict[UUID, str] = {}
    for partner in partners:
        held = rules.as_of([each for each in recorded if each.configuration_item_id == partner], at, work.now)
        if held is not None and held.state is State.IN_SERVICE:
            others[partner] = held.label
    found = []
    for rule in rules.broken([rule.as_value() for rule in stored], item.configuration_item_id, label, others):
        partner = rule.other_id if rule.item_id == item.configuration_item_id else rule.item_id
        other = await work.registers.items.get(partner)
        (told,) = (each for each in stored if each.rule_id == rule.rule_id)
        found.append(
            Incompatibility(
                rule_id=rule.rule_id,
                other_item_id=partner,
                other_name=other.name,
                other_label=others[partner],
                explanation=_explained(told, item, label, other, others[partner]),
            )
        )
    return found[:MOST_INCOMPATIBILITIES]


def _explained(
    rule: "CompatibilityRule", item: ConfigurationItem, label: str, other: ConfigurationItem, other_label: str
) -> Words:
    def say(t: Translator) -> str:
        sentence = t.gettext(
            "%(item)s %(label)s does not go together with %(other)s %(other_label)s.",
            item=item.name,
            label=label,
            other=other.name,
            other_label=other_label,
        )
        return f"{sentence} {rule.note.fr if t.language == 'fr' else rule.note.en}"

    return in_both(say)


# --- what does not go together ---------------------------------------------------------------------------------------


class NewCompatibilityRule(Request):
    """While an item is in these versions, another one must be in those."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "configuration_item_id": _ITEM,
                    "versions": ">=2.4",
                    "other_item_id": _OTHER,
                    "other_versions": ">=8.2",
                    "note": {"fr": "La boutique 2.4 demande PHP 8.2.", "en": "Shop 2.4 needs PHP 8.2."},
                }
            ]
        },
    )

    configuration_item_id: UUID
    versions: RangeText = Field(examples=[">=2.4"])
    other_item_id: UUID
    other_versions: RangeText = Field(examples=[">=8.2"])
    note: LongTexts = Field(description="Why, for whoever reads that a change breaks the rule.")


class CompatibilityRule(Record):
    """A compatibility rule, as stored."""

    rule_id: UUID
    configuration_item_id: UUID
    versions: str
    other_item_id: UUID
    other_versions: str
    note: LongTexts

    def as_value(self) -> rules.Rule:
        """The rule as the domain knows it."""
        return rules.Rule(
            self.rule_id,
            self.configuration_item_id,
            VersionRange.parse(self.versions),
            self.other_item_id,
            VersionRange.parse(self.other_versions),
        )


async def create_rule(work: Workspace, new: NewCompatibilityRule) -> CompatibilityRule:
    """A new rule between two items of one client. Raises Unknown and Refused."""
    with named_at("configuration_item_id"):
        item = await work.registers.items.get(new.configuration_item_id)
    with named_at("other_item_id"):
        other = await work.registers.items.get(new.other_item_id)
    if new.configuration_item_id == new.other_item_id:
        raise Refused("must be another item", "other_item_id")
    if item.client_id != other.client_id:
        raise Refused("is an item of another client", "other_item_id")
    rule = CompatibilityRule.model_validate(
        {
            **new.model_dump(),
            "rule_id": work.new_id(),
            "client_id": item.client_id,
            "version": 1,
            "created_at": work.now,
            "updated_at": work.now,
        }
    )
    await work.registers.rules.add(rule)
    return rule


# --- until when versions are supported -------------------------------------------------------------------------------


class SupportDates(Request):
    """Last days of support, in the client's time zone; null: not announced."""

    end_of_support_on: LocalDate | None = Field(default=None, description="Last day of ordinary support.")
    end_of_life_on: LocalDate | None = Field(default=None, description="Last day of any support, security included.")


class NewSupportEnd(SupportDates):
    """Until when these versions of an item are supported."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "configuration_item_id": _ITEM,
                    "versions": "8.1.*",
                    "end_of_support_on": "2023-11-25",
                    "end_of_life_on": "2025-12-31",
                    "source": "https://www.php.net/supported-versions.php",
                }
            ]
        },
    )

    configuration_item_id: UUID
    versions: RangeText = Field(examples=["8.1.*"])
    source: Name = Field(description="Who announced it, and where.", examples=["https://www.php.net/eol.php"])

    @model_validator(mode="after")
    def _some_date(self) -> Self:
        _check_dates(self.end_of_support_on, self.end_of_life_on)
        return self


class SupportEndPatch(Request):
    """What to change of an end of support (merge patch): null takes a date away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"end_of_life_on": "2026-06-30"}]})

    end_of_support_on: LocalDate | None = None
    end_of_life_on: LocalDate | None = None
    source: Name = unchanged()


class RaisedAdvisory(BaseModel):
    """An advisory that was raised because a version was past its support."""

    phase: SupportPhase
    label: str
    advisory_id: UUID


class SupportEnd(Record):
    """Until when versions of an item are supported, and what was raised about it."""

    support_end_id: UUID
    configuration_item_id: UUID
    versions: str
    end_of_support_on: LocalDate | None
    end_of_life_on: LocalDate | None
    source: str
    raised: list[RaisedAdvisory] = Field(max_length=1000)
    look_at: Instant | None = Field(description="When a date passes next; null: none is to come.")


def _check_dates(end_of_support_on: date | None, end_of_life_on: date | None) -> None:
    if end_of_support_on is None and end_of_life_on is None:
        raise ValueError("give end_of_support_on, end_of_life_on, or both")
    if end_of_support_on is not None and end_of_life_on is not None and end_of_life_on < end_of_support_on:
        raise ValueError("end_of_life_on is before end_of_support_on")


async def create_support_end(work: Workspace, new: NewSupportEnd) -> SupportEnd:
    """A new end of support; raises an advisory at once when it has passed. Raises Unknown."""
    with named_at("configuration_item_id"):
        item = await work.registers.items.locked(new.configuration_item_id)
    end = SupportEnd.model_validate(
        {
            **new.model_dump(),
            "support_end_id": work.new_id(),
            "client_id": item.client_id,
            "version": 1,
            "raised": [],
            "look_at": None,
            "created_at": work.now,
            "updated_at": work.now,
        }
    )
    await work.registers.support_ends.add(end)
    return await look_at_support(work, end, item)


async def change_support_end(work: Workspace, end: SupportEnd, changes: dict[str, Any]) -> SupportEnd:
    """The locked end of support with other dates. Raises Refused."""
    saved = changed(end, work.now, **changes)
    try:
        _check_dates(saved.end_of_support_on, saved.end_of_life_on)
    except ValueError as error:
        raise Refused(str(error)) from None
    await work.registers.support_ends.save(saved)
    return await look_at_support(work, saved, await work.registers.items.get(end.configuration_item_id))


async def look_at_support(work: Workspace, end: SupportEnd, item: ConfigurationItem) -> SupportEnd:
    """Raises an advisory for each date that has passed for the item's present version, once for each version."""
    zone = (await work.clients.get(end.client_id)).time_zone
    instants = {
        "end_of_support": agreement.end_of(end.end_of_support_on, zone),
        "end_of_life": agreement.end_of(end.end_of_life_on, zone),
    }
    raised = list(end.raised)
    affected = item.state is State.IN_SERVICE and (item.label or "") in VersionRange.parse(end.versions)
    for phase in rules.passed(instants, work.now) if affected else ():
        if all((each.phase, each.label) != (phase, item.label) for each in raised):
            contract_id = await work.registers.items.contract_of(item)
            advisory = await advice.issue(work, _past_support(end, item, phase, contract_id))
            raised.append(
                RaisedAdvisory.model_validate(
                    {"phase": phase, "label": item.label, "advisory_id": advisory.advisory_id}
                )
            )
    look_at = rules.next_end(instants, work.now)
    if (raised, look_at) == (end.raised, end.look_at):
        return end
    saved = changed(end, work.now, raised=raised, look_at=look_at)
    await work.registers.support_ends.save(saved)
    return saved


def _past_support(end: SupportEnd, item: ConfigurationItem, phase: str, contract_id: UUID | None) -> advice.NewAdvisory:
    day = end.end_of_support_on if phase == "end_of_support" else end.end_of_life_on
    assert day is not None and item.label is not None
    told = {"item": item.name, "label": item.label}

    def title(t: Translator) -> str:
        if phase == "end_of_support":
            return t.gettext("%(item)s %(label)s is past its end of support", **told)
        return t.gettext("%(item)s %(label)s is past its end of life", **told)

    def body(t: Translator) -> str:
        date_said = t.date(day)
        if phase == "end_of_support":
            return t.gettext(
                "Ordinary support of %(item)s %(label)s ended on %(day)s (%(source)s). Plan its replacement while"
                " security updates still come.",
                **told,
                day=date_said,
                source=end.source,
            )
        return t.gettext(
            "%(item)s %(label)s has had no updates since %(day)s, security updates included (%(source)s). Replace it:"
            " faults that are found now stay open.",
            **told,
            day=date_said,
            source=end.source,
        )

    return advice.NewAdvisory(
        client_id=item.client_id,
        contract_id=contract_id,
        configuration_item_id=item.configuration_item_id,
        kind="end_of_support" if phase == "end_of_support" else "end_of_life",
        title=LongTexts(**in_both(title).model_dump()),
        body=LongTexts(**in_both(body).model_dump()),
    )


async def state_of_item(work: Workspace, item: ConfigurationItem, at: datetime, known_at: datetime) -> ItemState:
    """The item at an instant, by what was known at another."""
    versions = await work.registers.items.versions_of([item.configuration_item_id])
    return item_state(item, versions, at, known_at)


def item_state(
    item: ConfigurationItem, versions: Sequence[ConfigurationVersion], at: datetime, known_at: datetime
) -> ItemState:
    """The item at an instant, by what was known at another."""
    shown = item.model_dump(include={"configuration_item_id", "client_id", "site_id", "kind", "name"})
    return ItemState(**shown, at=at, known_at=known_at, held=rules.as_of(versions, at, known_at))


async def compatibility(work: Workspace, item: ConfigurationItem, label: str | None) -> Compatibility:
    """Whether the item goes together with what is beside it now, as it is, or in another version."""
    asked = label or (item.label if item.state is State.IN_SERVICE else None)
    found = [] if asked is None else await incompatibilities(work, item, asked, work.now)
    return Compatibility(
        configuration_item_id=item.configuration_item_id,
        label=asked,
        at=work.now,
        compatible=not found,
        incompatibilities=found,
    )
