"""The public status page of a client: is it up, since when, and how has it been.

Public means: names of sites, states, instants, percentages. Titles, causes, addresses, people and environments that
do not count stay inside. Beside what is measured it says what people of the agency wrote for visitors: about outages,
and about incidents that they put on it. These change what visitors are told of a component, and no figure.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Literal, TypeAlias, TypeVar, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field

from reporting.application import examples, measuring
from reporting.application.brands import brand_of_page
from reporting.application.facts import KnownContract, KnownIncident, Names, Site
from reporting.application.maintenance import KnownWindow
from reporting.application.page_settings import ComponentGroup, KnownPage, PageProvider, UnknownSite
from reporting.application.page_updates import Impacts, Language, WrittenIncident, WrittenUpdate
from reporting.application.ports import Facts
from reporting.application.report import MANY, Branded, Figure, Number, Shown, Text
from reporting.application.uptime_rule import Measured, RuledTime, measure_day, measure_in_turn
from reporting.domain.outages import Outage, outages, until_answered
from reporting.domain.period import days_until
from reporting.domain.public_words import (
    STEPS,
    Headline,
    Impact,
    PublicIncidentStatus,
    ShownState,
    headline,
    public_incident_status,
    shown_state,
    worst,
)
from reporting.domain.response_times import ResponseFigure, milliseconds
from reporting.domain.state_line import NOT_BEGUN, Span, State, Transition, clipped, of_availability
from shared.values import Instant, LocalDate, number, seconds

T = TypeVar("T")

DAYS: Final = 90
RECENT: Final = timedelta(days=14)
"""How long an outage or planned work that is over stays in the list."""
AHEAD: Final = timedelta(days=30)
"""How far ahead planned work is announced."""
HOURS: Final = 24
"""Hours of which response times are shown one by one: the last full ones."""
ANNOUNCED: Final = 20
"""How much of it at most, the next first: a window may recur every hour."""

MOST_TURNS: Final = 20
"""How many times at most, the last ones, it is told of an outage that it could not be seen, or was seen again."""

Turned: TypeAlias = Literal["down", "degraded", "unknown", "maintenance", "paused"]
PublicState = Literal["up", "down", "degraded", "maintenance", "unknown", "paused"]


class UnknownPage(LookupError):
    """No contract shows a page at this address."""


class PublicDay(Shown):
    """One day of one component, in the page's zone; the last one is today so far."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_DAY))

    date: LocalDate
    state: Literal["up", "degraded", "down", "unknown", "paused"] = Field(
        description="the worst that was measured and counts; `unknown` when less than a minute of the day was measured"
    )
    down_seconds: Number
    uptime_display: Figure
    coverage_percent: Figure


class PublicUptime(Shown):
    """Uptime over the last days, as far as known; the coverage says how much is known."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_UPTIME))

    days: int = Field(ge=1, le=DAYS, description="how many days back the figure reaches, at most")
    from_: Instant | None = Field(
        validation_alias="from", serialization_alias="from", description="since when; later for a younger contract"
    )
    whole: bool = Field(description="the contract covers all of these days")
    uptime_display: Figure
    coverage_percent: Figure


class PublicHourTimes(Shown):
    """How long a component took to answer in one hour: half of the checks at most `p50_ms`, 95 of 100 `p95_ms`."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_HOUR_TIMES))

    at: Instant = Field(description="when the hour begins")
    checks: int = Field(ge=1)
    p50_ms: Number
    p95_ms: Number


class PublicDayTimes(Shown):
    """The same for a day in the page's zone, of all its checks; the last one is today so far."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_DAY_TIMES))

    date: LocalDate
    checks: int = Field(ge=1)
    p50_ms: Number
    p95_ms: Number


class PublicResponseTimes(Shown):
    """Response times as far as they were measured: hours and days without a good check are left out."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_RESPONSE_TIMES))

    hours: list[PublicHourTimes] = Field(
        description="of the 24 hours before `hours_until`, in the order of time", json_schema_extra=MANY
    )
    hours_until: Instant = Field(description="when the last full hour ended")
    days: list[PublicDayTimes] = Field(json_schema_extra=MANY)


class PublicComponent(Shown):
    """One system that visitors use."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_COMPONENT))

    component_id: UUID
    name: Text
    group: Text | None = Field(description="the name under which it is shown together with others")
    added_at: Instant = Field(description="since when a contract covers it")
    state: PublicState = Field(description="as it was measured")
    since: Instant | None = Field(description="since when it is in this state; null before monitoring began")
    uptime_promised: bool = Field(default=True, description="whether a contract promises how long it is available")
    impact: Impact | None = Field(
        description="what people say that incidents which go on take away of it, the worst; null: nothing. No figure "
        "counts it"
    )
    uptime: list[PublicUptime] = Field(json_schema_extra=MANY)
    days: list[PublicDay] = Field(json_schema_extra=MANY)
    response_times: PublicResponseTimes

    @property
    def shown_state(self) -> ShownState:
        """What visitors are told of it: the worse of what was measured and what people say."""
        return shown_state(self.state, self.impact)

    @property
    def unwatched(self) -> bool:
        """Whether nobody ever looked nor promised to, and nobody says anything of it."""
        return self.shown_state == "unknown" and self.since is None and not self.uptime_promised


class PublicImpact(Shown):
    """What an incident does to a component from a step on."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_IMPACT))

    component_id: UUID
    impact: Impact | None = Field(description="null: nothing any more")


class PublicAffected(PublicImpact):
    """A component that an incident is or was about, and what it does to it now."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_AFFECTED))

    component_name: Text


class PublicUpdate(Shown):
    """A step in the life of an incident, in public words, or what people of the agency told of it."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_UPDATE))

    at: Instant
    status: PublicIncidentStatus
    page_update_id: UUID | None = Field(description="null: a step that was seen by measuring, without a text")
    measured: Turned | None = Field(
        description="what was measured from then on of an outage that was not seen to end: `unknown`, `maintenance` or "
        "`degraded` while it cannot be seen whether it goes on, `down` when it does, `paused` when it is not watched "
        "any more, and over for the page; null: the status says all"
    )
    texts: dict[Language, Text] = Field(description="what was told, by language: plain text in one or both of them")
    components: list[PublicImpact] = Field(description="those for which the step changes it", json_schema_extra=MANY)


class PublicIncident(Shown):
    """A time at which a component did not answer, or what people of the agency put on the page."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_INCIDENT))

    incident_id: UUID = Field(description="id of the outage, or `page_incident_id` of what people put on the page")
    titles: dict[Language, Text] = Field(
        description="what people call it, in one language or both; empty: an outage, which is called by its component"
    )
    components: list[PublicAffected] = Field(
        description="one of an outage; of others those that they were ever about", json_schema_extra=MANY
    )
    impact: Impact = Field(description="the worst that it ever did to one of them")
    status: PublicIncidentStatus
    started_at: Instant
    published_at: Instant = Field(description="since when the page tells of it")
    ended_at: Instant | None = Field(
        description="when the component answered again, was not watched any more (its step is `paused` then), or "
        "people called it resolved; null while it goes on"
    )
    duration_seconds: Number
    updated_at: Instant = Field(description="when something was said of it, or withdrawn, last: never goes back")
    updates: list[PublicUpdate] = Field(description="newest first", json_schema_extra=MANY)

    @property
    def unwatched(self) -> bool:
        """Whether it is over because nobody looks any more: nobody saw the component answer again."""
        return any(step.measured == "paused" for step in self.updates)

    def concerns(self, component_id: UUID) -> bool:
        """Whether it is or was about a component."""
        return any(each.component_id == component_id for each in self.components)


class PublicMaintenance(Shown):
    """One stretch of planned work. It may be shorter or longer in the end: what it did to components, they tell."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_MAINTENANCE))

    maintenance_id: UUID
    window_id: UUID = Field(description="the same for all stretches of work that recurs")
    name: Text
    status: Literal["scheduled", "in_progress", "completed"]
    starts_at: Instant
    ends_at: Instant
    announced_at: Instant = Field(description="when it was told like this")
    again: bool = Field(description="whether the same work is planned again after this")
    component_ids: list[UUID] = Field(description="the components that it may touch", json_schema_extra=MANY)


class PublicStatus(Shown):
    """The page in one line."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_STATUS))

    headline: Headline
    contract: Literal["active", "suspended", "ended"]
    since: Instant | None = Field(description="since when the contract is suspended or ended; null while active")


class StatusPageContent(Shown):
    """Everything that the page says."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PAGE))

    slug: Text
    name: Text
    agency_name: Text
    language: Text = Field(description="language of the client; a visitor may ask for another")
    time_zone: Text
    logo_url: Text | None
    updated_at: Instant = Field(description="up to when figures count: a full minute")
    told_at: Instant = Field(
        description="when something was last said on the page, changed or taken away: never goes back"
    )
    status: PublicStatus
    components: list[PublicComponent] = Field(json_schema_extra=MANY)
    open_incidents: list[PublicIncident] = Field(
        description="what is going on now, newest first", json_schema_extra=MANY
    )
    recent_incidents: list[PublicIncident] = Field(
        description="over within 14 days, newest first", json_schema_extra=MANY
    )
    maintenance: list[PublicMaintenance] = Field(
        description="planned work: over within 14 days, in progress, or to come within 30 days, in the order of time",
        json_schema_extra=MANY,
    )

    @property
    def unwatched(self) -> bool:
        """Whether nobody ever looked at anything of what it shows, while contracts go on."""
        return self.status.headline == "unknown" and all(component.unwatched for component in self.components)

    @property
    def incidents(self) -> list[PublicIncident]:
        """What goes on, then what is over; each newest first."""
        return [*self.open_incidents, *self.recent_incidents]


@dataclass(frozen=True)
class ShownPage(Branded[StatusPageContent]):
    """A page, how it looks, and what its agency decided about it: who may see it among others."""

    known: KnownPage
    tenant_id: UUID
    client_id: UUID

    @property
    def provider(self) -> PageProvider | None:
        """Through which visitors sign in: one of the agency, or of the very client whose page it is."""
        provider = self.known.provider
        return provider if provider is not None and provider.client_id in (None, self.client_id) else None


async def status_page(facts: Facts, slug: str, now: datetime) -> ShownPage:
    """The page at an address. Raises UnknownPage.

    States are those of `now`; figures count up to the full minute, so that the page is the same for a minute while
    nothing happens and can be kept by browsers and proxies.
    """
    every = [await facts.versions(contract_id) for contract_id in await facts.contracts_on_page(slug, ended=True)]
    if not every:
        raise UnknownPage
    known = [versions for versions in every if _goes_on(versions)] or every
    newest = known[0][-1].state
    page = newest.page_at(slug)
    if page is None:
        raise UnknownPage
    decided = await facts.page(known[0][-1].tenant_id, slug, newest.client.client_id)
    zone = ZoneInfo(newest.client.time_zone)
    minute = now.replace(second=0, microsecond=0)
    until = now + timedelta(microseconds=1)  # what happened at this very instant shows
    days = days_until(minute, zone, DAYS)
    start = days[0][1]
    components: list[PublicComponent] = []
    incidents: list[PublicIncident] = []
    places: dict[UUID, UUID] = {}
    tenant_id, client_id = known[0][-1].tenant_id, newest.client.client_id
    # What leaves the list leaves it now: so reaches back whatever a page showed until then, and no further.
    told = [days[0][1] + RECENT, *(versions[-1].state.effective_from for versions in known)]
    heard = [
        await _hear(facts, versions, newest.client.time_zone, days, now)
        for versions in every
        # What ended before all that the page tells is left alone.
        if known is every or _goes_on(versions) or versions[-1].state.effective_from > start
    ]
    for versions in known:
        names = await facts.names(versions[-1].state.contract_id)
        shown_sites = versions[-1].state.sites_at(slug)
        for environment_id, name in _public_environments(shown_sites, names, decided.settings.site_ids).items():
            turns = _turns(heard, versions, environment_id)
            if not turns:
                continue
            times = _response_times(
                _united(each.hours.get(environment_id, {}) for each in turns),
                _full_hour(now),
                _united(each.days.get(environment_id, {}) for each in turns),
            )
            component = _component(
                environment_id, name, turns, _line(environment_id, turns, start, until), days, now, times
            )
            components.append(component)
            places[environment_id] = _site_of(environment_id, versions)
            told.append(component.added_at)
            for each in turns:
                found = outages_of(each.versions, each.transitions.get(environment_id, ()), until, counts_for_sla=True)
                shown, left_at = _incidents(component, found, each.by_outage, now, minute)
                incidents += shown
                told += left_at
    incidents = list({each.incident_id: each for each in incidents}.values())  # two contracts may go on from one
    people = await facts.page_incidents(tenant_id, [slug], client_id, now - RECENT)
    ids = [*(each.incident_id for each in incidents), *(each.page_incident_id for each in people)]
    written = await facts.page_updates(tenant_id, [slug], ids)
    incidents = [_with_written(each, written.get(each.incident_id, ())) for each in incidents]
    incidents += _of_people(people, written, {each.component_id: each.name for each in components}, minute)
    incidents.sort(key=lambda incident: (incident.started_at, incident.incident_id), reverse=True)
    components = _with_impacts(components, incidents)
    told += [each.updated_at for each in incidents]
    told.append(await facts.page_changed_at(tenant_id, slug, client_id) or days[0][1])
    windows = await facts.maintenance(client_id, now - RECENT, now + AHEAD)
    contract = _contract_status(known)
    content = StatusPageContent(
        slug=page.slug,
        name=decided.settings.name or page.name,
        agency_name=newest.agency.name,
        language=newest.client.language,
        time_zone=newest.client.time_zone,
        logo_url=page.logo_url,
        updated_at=minute,
        told_at=max(each for each in told if each <= now),
        status=PublicStatus(
            headline=headline(
                [component.shown_state for component in components],
                contract_status=contract,
            ),
            contract=contract,
            since=max(_left(versions, until) for versions in known) if contract != "active" else None,
        ),
        components=_grouped(components, decided.settings.groups),
        open_incidents=[incident for incident in incidents if incident.status != "resolved"],
        recent_incidents=[incident for incident in incidents if incident.status == "resolved"],
        maintenance=_maintenance(windows, places, now) if contract == "active" else [],
    )
    return ShownPage(content, brand_of_page(page, decided), decided, tenant_id, client_id)


@dataclass(frozen=True)
class FormerPage:
    """What a page was called, and whose it was."""

    name: str
    agency_name: str


async def former_page(facts: Facts, slug: str, client_id: UUID) -> FormerPage | None:
    """A page that no contract of its client shows any more, by the newest version that did; None where none did."""
    shown = [
        (version, page)
        for contract_id in await facts.contracts_of(client_id)
        for version in await facts.versions(contract_id)
        if (page := version.state.page_at(slug)) is not None
    ]
    if not shown:
        return None
    version, page = max(shown, key=lambda each: each[0].state.effective_from)
    decided = await facts.page(version.tenant_id, slug, client_id)
    return FormerPage(decided.settings.name or page.name, version.state.agency.name)


async def contacts_of_page(facts: Facts, slug: str) -> frozenset[str]:
    """The mail addresses of the contacts in the contracts that a page shows, as far as they go on."""
    found: set[str] = set()
    for contract_id in await facts.contracts_on_page(slug):
        newest = (await facts.versions(contract_id))[-1].state
        if newest.status in {"active", "suspended"}:
            found |= {contact.email for contact in newest.contacts}
    return frozenset(found)


async def check_sites(facts: Facts, slug: str, site_ids: Sequence[UUID]) -> None:
    """That every site is one that a contract shows on the page now. Raises UnknownSite for the first that is not."""
    covered = {
        site.site_id
        for contract_id in (await facts.contracts_on_page(slug) if site_ids else ())
        for site in (await facts.versions(contract_id))[-1].state.sites_at(slug)
    }
    for position, site_id in enumerate(site_ids):
        if site_id not in covered:
            raise UnknownSite(position)


def _grouped(components: Sequence[PublicComponent], groups: Iterable[ComponentGroup]) -> list[PublicComponent]:
    """Group by group in the order that was decided, then what is in none. Who is named twice is in the first one."""
    left = {component.component_id: component for component in components}
    ordered = [
        left.pop(component_id).model_copy(update={"group": group.name})
        for group in groups
        for component_id in group.component_ids
        if component_id in left
    ]
    return [*ordered, *left.values()]


@dataclass(frozen=True)
class _Heard:
    """What was heard of a contract that shows its systems on a page, or did until it ended; by environment."""

    versions: Sequence[KnownContract]
    transitions: Mapping[UUID, Sequence[Transition]]
    by_outage: Mapping[UUID, KnownIncident]
    hours: Mapping[UUID, Mapping[datetime, ResponseFigure]]
    days: Mapping[UUID, Mapping[LocalDate, ResponseFigure]]

    @property
    def began(self) -> datetime:
        """When its first version took effect."""
        return min(version.state.effective_from for version in self.versions)

    def covers(self, environment_id: UUID) -> bool:
        """Whether its newest version has the environment, as one that counts."""
        return any(
            environment.environment_id == environment_id and environment.counts_for_sla
            for site in self.versions[-1].state.sites
            for environment in site.environments
        )


async def _hear(
    facts: Facts,
    versions: Sequence[KnownContract],
    zone: str,
    days: Sequence[tuple[LocalDate, datetime, datetime]],
    now: datetime,
) -> _Heard:
    contract_id, hour = versions[-1].state.contract_id, _full_hour(now)
    incidents = await facts.incidents(contract_id, now - RECENT, now)
    return _Heard(
        versions,
        await facts.transitions(contract_id, days[0][1], now + timedelta(microseconds=1)),
        {each.state.source.outage_id: each for each in incidents if each.state.source.outage_id is not None},
        await facts.response_hours(contract_id, hour - timedelta(hours=HOURS), hour),
        await facts.response_days(contract_id, zone, days[0][0]),
    )


def _full_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


def _turns(heard: Iterable[_Heard], versions: Sequence[KnownContract], environment_id: UUID) -> list[_Heard]:
    """The contracts that tell of an environment of a contract, one after the other: what went on in those that ended
    goes on in it. None where it has ended too and a later one has the environment."""
    covering = [each for each in heard if each.covers(environment_id)]
    if not _goes_on(versions) and covering[-1].versions is not versions:
        return []
    ended = [each for each in covering if not _goes_on(each.versions) and each.versions is not versions]
    return ended + [each for each in covering if each.versions is versions]


def _in_turn(turns: Sequence[_Heard], start: datetime, end: datetime) -> Iterator[tuple[_Heard, datetime, datetime]]:
    """Contracts that cover one environment, one after the other: each with the part of `[start, end)` that is its own,
    until the next one begins."""
    bounds = [start, *(max(start, each.began) for each in turns[1:]), end]
    for each, (left, right) in zip(turns, pairwise(bounds), strict=True):
        if left < right:
            yield each, left, right


def _line(environment_id: UUID, turns: Sequence[_Heard], start: datetime, until: datetime) -> list[Span]:
    """The states of an environment over `[start, until)`, and of a run that reaches into it what was before."""
    line: list[Span] = []
    for each, left, right in _in_turn(turns, start, until):
        said = each.transitions.get(environment_id, ())
        own = measuring.state_line(each.versions, said, start, until, counts_for_sla=True)
        line += clipped(own, own[0].start if own and left == start else left, right)
    return line


def _united(found: Iterable[Mapping[T, ResponseFigure]]) -> dict[T, ResponseFigure]:
    """Figures of contracts one after the other; of an hour or a day in both, those of the later."""
    return {at: figure for each in found for at, figure in each.items()}


def _goes_on(versions: Sequence[KnownContract]) -> bool:
    return versions[-1].state.status in {"active", "suspended"}


def _left(versions: Sequence[KnownContract], until: datetime) -> datetime:
    """When a contract that is suspended or has ended stopped having anybody look."""
    return measuring.unwatched_since(versions, until) or versions[-1].state.effective_from


def _contract_status(known: Sequence[Sequence[KnownContract]]) -> Literal["active", "suspended", "ended"]:
    """One contract that applies makes the page live."""
    statuses = {versions[-1].state.status for versions in known}
    if "active" in statuses:
        return "active"
    return "suspended" if "suspended" in statuses else "ended"


def _public_environments(sites: Iterable[Site], names: Names, only: Collection[UUID]) -> Mapping[UUID, str]:
    """What visitors may see: the environments that count, named by their site, and by themselves if there are more.

    `only`: the sites that are shown; of none, all.
    """
    public: dict[UUID, str] = {}
    for site in sites:
        if only and site.site_id not in only:
            continue
        counting = [environment for environment in site.environments if environment.counts_for_sla]
        site_name = names.sites.get(site.site_id, site.name)
        for environment in counting:
            own = names.environments.get(environment.environment_id, environment.name)
            public[environment.environment_id] = site_name if len(counting) == 1 else f"{site_name} · {own}"
    return public


def _site_of(environment_id: UUID, versions: Sequence[KnownContract]) -> UUID:
    """The site of an environment that the newest version covers."""
    return next(
        site.site_id
        for site in versions[-1].state.sites
        for environment in site.environments
        if environment.environment_id == environment_id
    )


def _maintenance(windows: Sequence[KnownWindow], places: Mapping[UUID, UUID], now: datetime) -> list[PublicMaintenance]:
    """The occurrences that touch what visitors see, in the order of time. `places`: component to its site."""
    found: list[PublicMaintenance] = []
    for window in windows:
        touched = [each for each, site_id in places.items() if window.state.covers(site_id, each)]
        if not touched:
            continue
        last = max((each.starts_at for each in window.state.occurrences), default=now)
        for each in window.state.occurrences:
            if each.ends_at <= now - RECENT or each.starts_at >= now + AHEAD or each.starts_at >= each.ends_at:
                continue
            begun, over = each.starts_at <= now, each.ends_at <= now
            found.append(
                PublicMaintenance(
                    maintenance_id=window.state.maintenance_id(each),
                    window_id=window.state.window_id,
                    name=window.state.title,
                    status="completed" if over else "in_progress" if begun else "scheduled",
                    starts_at=each.starts_at,
                    ends_at=each.ends_at,
                    announced_at=window.announced_at,
                    again=each.starts_at < last,
                    component_ids=touched,
                )
            )
    found.sort(key=lambda work: (work.starts_at, work.maintenance_id))
    to_come = [work for work in found if work.status == "scheduled"][:ANNOUNCED]
    been = [work for work in found if work.status == "completed"][-ANNOUNCED:]
    return [*been, *(work for work in found if work.status == "in_progress"), *to_come]


def _component(
    environment_id: UUID,
    name: str,
    turns: Sequence[_Heard],
    line: Sequence[Span],
    days: Sequence[tuple[LocalDate, datetime, datetime]],
    now: datetime,
    times: PublicResponseTimes,
) -> PublicComponent:
    promised = [
        stretch
        for each, left, right in _in_turn(turns, days[0][1], now)
        for stretch in measuring.stretches(each.versions, left, right)
        if stretch.environment.environment_id == environment_id
    ]
    ruled = measuring.rules_in_turn(promised, days[0][1], days[-1][2])
    target = promised[-1].target_percent if promised else None
    began = promised[0].start if promised else now
    last = days[-1][2]
    totals: list[PublicUptime] = []
    for count in (30, DAYS):
        whole = days[-min(count, len(days))][1]
        start = max(whole, began)
        if totals and (totals[-1].from_ == start or start >= last):
            break  # a contract younger than the shorter stretch has one figure, not the same one twice
        total = measure_in_turn(line, start, last, ruled, target) if start < last else None
        totals.append(
            PublicUptime(
                days=count,
                from_=start if start < last else None,
                whole=start == whole,
                uptime_display=total["uptime_display"] if total else None,
                coverage_percent=total["coverage_percent"] if total else None,
            )
        )
    state, since = present_state(line)
    return PublicComponent(
        component_id=environment_id,
        name=name,
        group=None,
        added_at=min(_added_at(environment_id, each.versions) for each in turns),
        state=state,
        since=since,
        uptime_promised=turns[-1].versions[-1].state.uptime is not None,
        impact=None,
        uptime=totals,
        days=days_shown(line, days, ruled),
        response_times=times,
    )


def _response_times(
    hours: Mapping[datetime, ResponseFigure], until: datetime, days: Mapping[LocalDate, ResponseFigure]
) -> PublicResponseTimes:
    def of(figure: ResponseFigure) -> dict[str, int | float]:
        shares = {"p50_ms": figure.p50_us, "p95_ms": figure.p95_us}
        return {"checks": figure.checks, **{name: number(milliseconds(each)) for name, each in shares.items()}}

    return PublicResponseTimes(
        hours=[PublicHourTimes.model_validate({"at": at, **of(hours[at])}) for at in sorted(hours)],
        hours_until=until,
        days=[PublicDayTimes.model_validate({"date": day, **of(days[day])}) for day in sorted(days)],
    )


def _added_at(environment_id: UUID, versions: Sequence[KnownContract]) -> datetime:
    """When the first version took effect that has the environment."""
    return min(
        version.state.effective_from
        for version in versions
        for site in version.state.sites
        for environment in site.environments
        if environment.environment_id == environment_id
    )


def present_state(line: Sequence[Span]) -> tuple[State, datetime | None]:
    """The state of now and since when, over adjacent stretches of one state; None before monitoring began."""
    if not line:
        return "unknown", None
    state = line[-1].state
    since: datetime | None = None
    for span in reversed(line):
        if span.state != state:
            break
        since = None if span.reason == NOT_BEGUN else span.start
    return state, since


def days_shown(
    line: Sequence[Span], days: Sequence[tuple[LocalDate, datetime, datetime]], ruled: Sequence[RuledTime]
) -> list[PublicDay]:
    """What each day came to, by the rules that were promised on it."""
    shown = []
    for day, start, end in days:
        measured = measure_day(line, start, end, ruled)
        shown.append(
            PublicDay(
                date=day,
                state=_day_state(measured, clipped(line, start, end)),
                down_seconds=measured["down_seconds"],
                uptime_display=measured["uptime_display"],
                coverage_percent=measured["coverage_percent"],
            )
        )
    return shown


def _day_state(measured: Measured, spans: Sequence[Span]) -> Literal["up", "degraded", "down", "unknown", "paused"]:
    """The worst that counts of a day, as its figures count it. A day of which nothing was measured is not called good,
    whether it counts or not."""
    if measured["down_seconds"]:
        return "down"
    if measured["degraded_seconds"]:
        return "degraded"
    states = {span.state for span in spans}
    known = sum((span.end - span.start for span in spans if span.state not in {"unknown", "paused"}), timedelta())
    if known >= timedelta(minutes=1):
        return "up"
    return "paused" if "paused" in states and "unknown" not in states else "unknown"


def outages_of(
    versions: Sequence[KnownContract], transitions: Sequence[Transition], until: datetime, *, counts_for_sla: bool
) -> list[Outage]:
    """The outages of a component as readers are told of them: over when it answers again, or nobody looks any more."""
    stopped = measuring.unwatched_since(versions, until)
    said = of_availability(transitions, counts_for_sla=counts_for_sla)
    found = [outage for outage in outages(said, until) if stopped is None or outage.start < stopped]
    if stopped is not None:
        found = [outage.cut(stopped) for outage in found]
    return until_answered(found)


def _incidents(
    component: PublicComponent,
    found: Iterable[Outage],
    by_outage: Mapping[UUID, KnownIncident],
    now: datetime,
    minute: datetime,
) -> tuple[list[PublicIncident], list[datetime]]:
    """The outages of a component that go on or were over lately, with what people did about them; and when those
    before left the page."""
    shown: list[PublicIncident] = []
    left_at: list[datetime] = []
    for outage in found:
        if outage.end is not None and outage.end < now - RECENT:
            left_at.append(outage.end + RECENT)
            continue
        done = _done(outage, by_outage.get(outage.outage_id), now)
        updates = _updates(outage, done)
        shown.append(
            PublicIncident(
                incident_id=outage.outage_id,
                titles={},
                components=[
                    PublicAffected(
                        component_id=component.component_id,
                        component_name=component.name,
                        impact="major" if outage.end is None else None,
                    )
                ],
                impact="major",
                status=updates[0].status,
                started_at=outage.start,
                published_at=outage.start,
                ended_at=outage.end,
                duration_seconds=number(seconds((outage.end or max(minute, outage.start)) - outage.start)),
                # Also what is no step any more since it is known when it answered: this never goes back.
                updated_at=max([*(step.at for step in updates), *(at for at, _ in done or ())]),
                updates=updates,
            )
        )
    return [_with_impact(each) for each in shown], left_at


def _done(outage: Outage, incident: KnownIncident | None, now: datetime) -> list[tuple[datetime, str]] | None:
    """When people did what about an outage; None where no incident is known of it yet."""
    if incident is None:
        return None
    stamps = incident.state.timestamps
    named = {"acknowledged": stamps.acknowledged, "mitigated": stamps.mitigated}
    named["resolved"] = stamps.resolved or stamps.closed
    # Where nobody looks any more the page is done with it, whatever is still written down about it.
    last = now if outage.watched or outage.end is None else outage.end
    return [(stamp.at, name) for name, stamp in named.items() if stamp and outage.start <= stamp.at <= last]


def _updates(outage: Outage, done: Sequence[tuple[datetime, str]] | None) -> list[PublicUpdate]:
    """The steps that the public is told, newest first; without an incident yet, what the monitor itself says."""
    answered = outage.end if outage.watched else None
    steps = [(outage.start, public_incident_status("open", recovered=False))]
    if answered is not None:
        # Who called it resolved before it answered is right from then on.
        over = done is None or any(name == "resolved" and at <= answered for at, name in done)
        steps.append((answered, public_incident_status("resolved" if over else "open", recovered=True)))
    for at, name in done or ():
        steps.append((at, public_incident_status(name, recovered=answered is not None and at >= answered)))
    # One entry per status, and none back: the site may answer again before anybody took it up.
    told: list[PublicUpdate] = []
    for at, status in sorted(steps, key=lambda step: (step[0], STEPS.index(step[1]))):
        if not told or STEPS.index(status) > STEPS.index(told[-1].status):
            told.append(_step(at, status))
    return _with_turns(told, outage)[::-1]


def _with_turns(steps: Sequence[PublicUpdate], outage: Outage) -> list[PublicUpdate]:
    """Steps in the order of time, and what was measured between them, called what it was called until then.

    What people did at the very instant at which something else was measured comes before it.
    """
    turns: list[tuple[datetime, PublicUpdate | State]] = [*outage.turns[-MOST_TURNS:]]
    if outage.end is not None and not outage.watched:
        turns.append((outage.end, "paused"))
    told: list[PublicUpdate] = []
    for at, step in sorted([*((step.at, step) for step in steps), *turns], key=lambda each: each[0]):
        if isinstance(step, PublicUpdate):
            told.append(step)
        elif step in get_args(Turned):
            status: PublicIncidentStatus = "resolved" if step == "paused" else told[-1].status
            told.append(_step(at, status).model_copy(update={"measured": step}))
    return told


def _step(at: datetime, status: PublicIncidentStatus) -> PublicUpdate:
    """A step that was seen, about which nobody said anything."""
    return PublicUpdate(at=at, status=status, page_update_id=None, measured=None, texts={}, components=[])


def _with_impact(outage: PublicIncident) -> PublicIncident:
    """An outage whose steps say what it does to its component: everything, from the first one until it was over."""
    (component,) = outage.components
    steps: list[PublicUpdate] = []
    before: Impact | None = None
    for step in outage.updates[::-1]:
        after: Impact | None = "major" if outage.ended_at is None or step.at < outage.ended_at else None
        changed = [PublicImpact(component_id=component.component_id, impact=after)] if after != before else []
        steps.append(step.model_copy(update={"components": changed}))
        before = after
    return outage.model_copy(update={"updates": steps[::-1]})


def _called(incident: PublicIncident, update: WrittenUpdate, standing: PublicIncidentStatus) -> PublicIncidentStatus:
    """What an outage is called from a sentence on. It ends when it was seen to end, and no sentence begins it again.

    Who says that it is being watched before it answers has found what it was: it is not back.
    """
    over = incident.ended_at is not None and incident.ended_at <= update.at
    if update.status is None or (update.status == "resolved" and not over) or (standing == "resolved" and over):
        return standing
    return "identified" if update.status == "monitoring" and not over else update.status


def _with_written(incident: PublicIncident, written: Sequence[WrittenUpdate]) -> PublicIncident:
    """An outage with what people told of it among its steps. What they called it last counts until a later step."""
    if not written:
        return incident
    updated_at = _updated_at(incident.updated_at, written)
    written = [each for each in written if each.withdrawn_at is None]
    told: list[PublicUpdate] = []
    standing: PublicIncidentStatus = "investigating"
    steps: list[PublicUpdate | WrittenUpdate] = [*incident.updates[::-1], *written]
    for each in sorted(steps, key=lambda step: step.at):
        if isinstance(each, WrittenUpdate):
            standing = _called(incident, each, standing)
            told.append(_said(each, standing, []))
        elif each.measured not in (None, "paused"):  # it is called as before
            told.append(each.model_copy(update={"status": standing}))
        elif not told or each.measured == "paused" or STEPS.index(each.status) > STEPS.index(standing):
            standing = each.status
            told.append(each)
    return _with_impact(
        incident.model_copy(update={"status": standing, "updated_at": updated_at, "updates": told[::-1]})
    )


def _said(update: WrittenUpdate, standing: PublicIncidentStatus, changed: list[PublicImpact]) -> PublicUpdate:
    return PublicUpdate(
        at=update.at,
        status=standing,
        page_update_id=update.page_update_id,
        measured=None,
        texts=dict(update.texts),
        components=changed,
    )


def _updated_at(first: datetime, written: Sequence[WrittenUpdate]) -> datetime:
    """When something was said last, or taken back: a reader who was told of it is told that it is gone."""
    return max([first, *(each.at for each in written), *(each.withdrawn_at for each in written if each.withdrawn_at)])


def _of_people(
    known: Sequence[WrittenIncident],
    written: Mapping[UUID, Sequence[WrittenUpdate]],
    names: Mapping[UUID, str],
    minute: datetime,
) -> list[PublicIncident]:
    """What people put on the page of components that have a name. Their last word on status and components counts."""
    found = []
    for each in known:
        told = _written_incident(each, written.get(each.page_incident_id, ()), names, minute)
        if told.components:
            found.append(told)
    return found


def _written_incident(
    incident: WrittenIncident, written: Sequence[WrittenUpdate], names: Mapping[UUID, str], minute: datetime
) -> PublicIncident:
    standing: PublicIncidentStatus = "investigating"
    ended_at: datetime | None = None
    said: Impacts = incident.components
    present: dict[UUID, Impact] = {}
    ever: list[tuple[UUID, Impact]] = []
    steps: list[PublicUpdate] = []
    nothing = WrittenUpdate(incident.page_incident_id, incident.published_at, None, {})
    for each in [update for update in written if update.withdrawn_at is None] or [nothing]:
        standing = each.status or standing
        ended_at = (ended_at or each.at) if standing == "resolved" else None
        said = said if each.components is None else each.components
        after: dict[UUID, Impact] = {} if ended_at is not None else {one: said[one] for one in names if one in said}
        # Whoever hears of it when it is over is told what it was.
        ever += [(one, said[one]) for one in names if one in said]
        changed = [one for one in names if after.get(one) != present.get(one)]
        impacts = [PublicImpact(component_id=one, impact=after.get(one)) for one in changed]
        steps.append(
            _step(each.at, standing).model_copy(update={"components": impacts})
            if each is nothing
            else _said(each, standing, impacts)
        )
        present = after
    about = dict(ever)
    return PublicIncident(
        incident_id=incident.page_incident_id,
        titles=dict(incident.titles),
        components=[
            PublicAffected(component_id=one, component_name=names[one], impact=present.get(one))
            for one in names
            if one in about
        ],
        impact=worst(impact for _, impact in ever) or "degraded",
        status=standing,
        started_at=incident.started_at,
        published_at=incident.published_at,
        ended_at=ended_at,
        duration_seconds=number(seconds((ended_at or max(minute, incident.started_at)) - incident.started_at)),
        updated_at=_updated_at(incident.published_at, written),
        updates=steps[::-1],
    )


def _with_impacts(components: Sequence[PublicComponent], incidents: Sequence[PublicIncident]) -> list[PublicComponent]:
    """Components with the worst that people say of them; of outages, their state tells."""
    said = _impacts(incidents)
    return [component.model_copy(update={"impact": said.get(component.component_id)}) for component in components]


def _impacts(incidents: Iterable[PublicIncident]) -> Mapping[UUID, Impact | None]:
    """By component: the worst that incidents which people put on the page take away of it now."""
    said: dict[UUID, list[Impact | None]] = {}
    for incident in incidents:
        for each in incident.components if incident.titles else ():
            said.setdefault(each.component_id, []).append(each.impact)
    return {component_id: worst(impacts) for component_id, impacts in said.items()}


async def impacts_of_people(
    facts: Facts,
    tenant_id: UUID,
    slugs: Collection[str],
    client_id: UUID,
    names: Mapping[UUID, str],
    now: datetime,
) -> Mapping[UUID, Impact | None]:
    """The worst that people say of these components on a client's pages; of one that is left out they say nothing."""
    people = await facts.page_incidents(tenant_id, slugs, client_id, now - RECENT)
    written = await facts.page_updates(tenant_id, slugs, [each.page_incident_id for each in people])
    return _impacts(_of_people(people, written, names, now))
