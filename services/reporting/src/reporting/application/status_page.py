"""The public status page of a client: is it up, since when, and how has it been.

Public means: names of sites, states, instants, percentages. Titles, causes, addresses, people and environments that
do not count stay inside.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field

from reporting.application import examples, measuring
from reporting.application.facts import Colours, KnownContract, KnownIncident, Names
from reporting.application.ports import Facts
from reporting.application.report import MANY, Brand, Branded, Figure, Number, Shown, Text
from reporting.application.uptime_rule import measure
from reporting.domain.period import days_until
from reporting.domain.public_words import Headline, PublicIncidentStatus, headline, public_incident_status
from reporting.domain.state_line import NOT_BEGUN, Span, clipped
from shared.values import Instant, LocalDate, number, seconds

DAYS: Final = 90
RECENT: Final = timedelta(days=14)
"""How long an outage that is over stays in the list."""

PublicState = Literal["up", "down", "degraded", "maintenance", "unknown", "paused"]


class UnknownPage(LookupError):
    """No contract shows a page at this address."""


class PublicDay(Shown):
    """One day of one component, in the page's zone; the last one is today so far."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_DAY))

    date: LocalDate
    state: Literal["up", "degraded", "down", "unknown", "paused"] = Field(
        description="the worst that was measured; `unknown` when less than a minute of the day was"
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


class PublicComponent(Shown):
    """One system that visitors use."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_COMPONENT))

    component_id: UUID
    name: Text
    state: PublicState
    since: Instant | None = Field(description="since when it is in this state; null before monitoring began")
    uptime: list[PublicUptime] = Field(json_schema_extra=MANY)
    days: list[PublicDay] = Field(json_schema_extra=MANY)


class PublicUpdate(Shown):
    """A step in the life of an incident, in public words."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_UPDATE))

    at: Instant
    status: PublicIncidentStatus


class PublicIncident(Shown):
    """A time at which a component did not answer."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PUBLIC_INCIDENT))

    incident_id: UUID = Field(description="id of the outage")
    component_id: UUID
    component_name: Text
    status: PublicIncidentStatus
    started_at: Instant
    ended_at: Instant | None = Field(description="when the component answered again; null while it does not")
    duration_seconds: Number
    updates: list[PublicUpdate] = Field(description="newest first", json_schema_extra=MANY)


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
    updated_at: Instant
    status: PublicStatus
    components: list[PublicComponent] = Field(json_schema_extra=MANY)
    open_incidents: list[PublicIncident] = Field(
        description="what is going on now, newest first", json_schema_extra=MANY
    )
    recent_incidents: list[PublicIncident] = Field(
        description="over within 14 days, newest first", json_schema_extra=MANY
    )


async def status_page(facts: Facts, slug: str, now: datetime) -> Branded[StatusPageContent]:
    """The page at an address. Raises UnknownPage.

    States are those of `now`; figures count up to the full minute, so that the page is the same for a minute while
    nothing happens and can be kept by browsers and proxies.
    """
    contract_ids = await facts.contracts_on_page(slug)
    if not contract_ids:
        raise UnknownPage
    known = [await facts.versions(contract_id) for contract_id in contract_ids]
    newest = known[0][-1].state
    page = newest.status_page
    if page is None:
        raise UnknownPage
    zone = ZoneInfo(newest.client.time_zone)
    minute = now.replace(second=0, microsecond=0)
    until = now + timedelta(microseconds=1)  # what happened at this very instant shows
    days = days_until(minute, zone, DAYS)
    start = days[0][1]
    components: list[PublicComponent] = []
    incidents: list[PublicIncident] = []
    for versions in known:
        contract_id = versions[-1].state.contract_id
        names = await facts.names(contract_id)
        transitions = await facts.transitions(contract_id, start, until)
        by_outage: dict[UUID, KnownIncident] = {
            each.state.source.outage_id: each
            for each in await facts.incidents(contract_id, now - RECENT, now)
            if each.state.source.outage_id is not None
        }
        for environment_id, name in _public_environments(versions, names).items():
            line = measuring.state_line(versions, transitions.get(environment_id, ()), start, until)
            component = _component(environment_id, name, versions, line, days, now)
            components.append(component)
            incidents += _incidents(component, line, by_outage, now, minute)
    incidents.sort(key=lambda incident: (incident.started_at, incident.incident_id), reverse=True)
    contract = _contract_status(known)
    content = StatusPageContent(
        slug=page.slug,
        name=page.name,
        agency_name=newest.agency.name,
        language=newest.client.language,
        time_zone=newest.client.time_zone,
        logo_url=page.logo_url,
        updated_at=minute,
        status=PublicStatus(
            headline=headline(
                [component.state for component in components],
                contract_status=contract,
            ),
            contract=contract,
            since=newest.effective_from if contract != "active" else None,
        ),
        components=components,
        open_incidents=[incident for incident in incidents if incident.status != "resolved"],
        recent_incidents=[incident for incident in incidents if incident.status == "resolved"],
    )
    colours = page.colours or Colours()
    return Branded(content, Brand(page.name, page.logo_url, colours.primary, colours.background, colours.text))


def _contract_status(known: Sequence[Sequence[KnownContract]]) -> Literal["active", "suspended", "ended"]:
    """One contract that applies makes the page live."""
    statuses = {versions[-1].state.status for versions in known}
    if "active" in statuses:
        return "active"
    return "suspended" if "suspended" in statuses else "ended"


def _public_environments(versions: Sequence[KnownContract], names: Names) -> Mapping[UUID, str]:
    """What visitors may see: the environments that count, named by their site, and by themselves if there are more."""
    public: dict[UUID, str] = {}
    for site in versions[-1].state.sites:
        counting = [environment for environment in site.environments if environment.counts_for_sla]
        site_name = names.sites.get(site.site_id, site.name)
        for environment in counting:
            own = names.environments.get(environment.environment_id, environment.name)
            public[environment.environment_id] = site_name if len(counting) == 1 else f"{site_name} · {own}"
    return public


def _component(
    environment_id: UUID,
    name: str,
    versions: Sequence[KnownContract],
    line: Sequence[Span],
    days: Sequence[tuple[LocalDate, datetime, datetime]],
    now: datetime,
) -> PublicComponent:
    promised = [
        stretch
        for stretch in measuring.stretches(versions, days[0][1], now)
        if stretch.environment.environment_id == environment_id
    ]
    rule = promised[-1].commitment.rule if promised and promised[-1].commitment else measuring.PLAIN_RULE
    target = promised[-1].commitment.target_percent if promised and promised[-1].commitment else None
    began = promised[0].start if promised else now
    shown = []
    for day, start, end in days:
        measured = measure(line, start, end, rule, None)
        shown.append(
            PublicDay(
                date=day,
                state=_day_state(clipped(line, start, end)),
                down_seconds=measured["down_seconds"],
                uptime_display=measured["uptime_display"],
                coverage_percent=measured["coverage_percent"],
            )
        )
    last = days[-1][2]
    totals: list[PublicUptime] = []
    for count in (30, DAYS):
        whole = days[-min(count, len(days))][1]
        start = max(whole, began)
        if totals and (totals[-1].from_ == start or start >= last):
            break  # a contract younger than the shorter stretch has one figure, not the same one twice
        total = measure(line, start, last, rule, target) if start < last else None
        totals.append(
            PublicUptime(
                days=count,
                from_=start if start < last else None,
                whole=start == whole,
                uptime_display=total["uptime_display"] if total else None,
                coverage_percent=total["coverage_percent"] if total else None,
            )
        )
    state, since = _present(line)
    return PublicComponent(component_id=environment_id, name=name, state=state, since=since, uptime=totals, days=shown)


def _present(line: Sequence[Span]) -> tuple[PublicState, datetime | None]:
    """The state of now and since when, over adjacent stretches of one state."""
    if not line:
        return "unknown", None
    state = line[-1].state
    since: datetime | None = None
    for span in reversed(line):
        if span.state != state:
            break
        since = None if span.reason == NOT_BEGUN else span.start
    return state, since


def _day_state(spans: Sequence[Span]) -> Literal["up", "degraded", "down", "unknown", "paused"]:
    """The worst that was measured on a day. A day of which nothing was measured is not called good."""
    states = {span.state for span in spans}
    measured = sum((span.end - span.start for span in spans if span.state not in {"unknown", "paused"}), timedelta())
    if "down" in states:
        return "down"
    if "degraded" in states:
        return "degraded"
    if measured >= timedelta(minutes=1):
        return "up"
    return "paused" if "paused" in states and "unknown" not in states else "unknown"


def _incidents(
    component: PublicComponent,
    line: Sequence[Span],
    by_outage: Mapping[UUID, KnownIncident],
    now: datetime,
    minute: datetime,
) -> list[PublicIncident]:
    """The outages of a component that go on or were over lately, with what people did about them."""
    spans: dict[UUID, tuple[datetime, datetime]] = {}
    for span in line:
        if span.state == "down" and span.outage_id is not None:
            start, _ = spans.get(span.outage_id, (span.start, span.end))
            spans[span.outage_id] = (start, span.end)
    found = []
    for outage_id, (start, end) in spans.items():
        ongoing = component.state == "down" and end >= now
        incident = by_outage.get(outage_id)
        if not ongoing and end < now - RECENT:
            continue
        updates = _updates(start, None if ongoing else end, incident, now)
        status = updates[0].status
        if not ongoing and incident is None:
            status = "resolved"
        found.append(
            PublicIncident(
                incident_id=outage_id,
                component_id=component.component_id,
                component_name=component.name,
                status=status,
                started_at=start,
                ended_at=None if ongoing else end,
                duration_seconds=number(seconds((max(minute, start) if ongoing else end) - start)),
                updates=updates,
            )
        )
    return found


def _updates(
    start: datetime, end: datetime | None, incident: KnownIncident | None, now: datetime
) -> list[PublicUpdate]:
    """The steps that the public is told, newest first; without an incident yet, what the monitor itself says."""
    steps = [PublicUpdate(at=start, status="investigating")]
    if incident is not None:
        stamps = incident.state.timestamps
        for stamp, status in (
            (stamps.acknowledged, public_incident_status("acknowledged", recovered=False)),
            (stamps.mitigated, public_incident_status("mitigated", recovered=False)),
            (stamps.resolved or stamps.closed, public_incident_status("resolved", recovered=False)),
        ):
            if stamp is not None and stamp.at <= now:
                steps.append(PublicUpdate(at=stamp.at, status=status))
    if end is not None:
        steps.append(PublicUpdate(at=end, status="monitoring" if incident is not None else "resolved"))
    order = ("investigating", "identified", "monitoring", "resolved")
    steps.sort(key=lambda step: (order.index(step.status), step.at))
    # One entry per status, and never a step back in time: the site may answer again before anybody took it up.
    told: list[PublicUpdate] = []
    for step in steps:
        if told and (step.status == told[-1].status or step.at < told[-1].at):
            continue
        told.append(step)
    return told[::-1]
