"""What a client sees first: is it up, how has it been, what was promised, what goes on. Everything that is watched.

Unlike the public page it names sites that visitors are not shown and environments that do not count, and tells
incidents by their titles: it is read by people of the client, who read the same in their reports.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from reporting.application import measuring
from reporting.application.facts import ContractState, KnownContract, KnownIncident
from reporting.application.ports import Facts
from reporting.application.report import UptimeFigure
from reporting.application.reporting import zones_of
from reporting.application.status_page import PublicDay, days_shown, impacts_of_people, outages_of, present_state
from reporting.domain.period import days_until, month_bounds, month_of
from reporting.domain.public_words import Headline, ShownState, headline, shown_state
from reporting.domain.state_line import Span, State

DAYS: Final = 90
MONTHS: Final = 12
"""How many months are looked back on, the present one among them."""
LATELY: Final = timedelta(days=14)
"""How long an incident that is over stays on the first page."""


@dataclass(frozen=True)
class SystemNow:
    """An environment: how it is, and how it was on each of the last days."""

    environment_id: UUID
    name: str
    url: str
    counts_for_sla: bool
    state: State
    """What was measured."""
    shown: ShownState
    """The worse of that and what people say of it on any status page that shows it: of such a system they say the same.
    One that pages hide is the client's all the same: what people had put there counts until they say otherwise."""
    since: datetime | None
    days: Sequence[PublicDay]


@dataclass(frozen=True)
class MonthOfUptime:
    """A month of a contract: every figure, never averaged, and the one verdict; without any, nothing was watched."""

    month: date
    figures: Sequence[UptimeFigure]
    met: bool | None
    over: bool


@dataclass(frozen=True)
class ContractNow:
    """A contract as its client sees it.

    `watched`: an uptime is promised, or something was ever heard of a system. Where it is not, the systems are those
    of which people say something, and without any there is no headline: nothing was ever to be known of them.
    """

    state: ContractState
    watched: bool
    headline: Headline | None
    systems: Sequence[SystemNow]
    month: MonthOfUptime | None
    incidents: Sequence[KnownIncident]
    """Open ones, and those that were over lately; the newest first."""
    unavailable: Collection[UUID]
    """Those of them, by `incident_id`, whose outage goes on whatever was declared about them."""


async def contract_now(facts: Facts, contract_id: UUID, now: datetime) -> ContractNow | None:
    """The contract, its systems, the present month and its incidents; None when nothing is known of it."""
    versions = await facts.versions(contract_id)
    if not versions:
        return None
    newest = versions[-1].state
    zone = ZoneInfo(newest.client.time_zone)
    minute = now.replace(second=0, microsecond=0)
    until = now + timedelta(microseconds=1)
    days = days_until(minute, zone, DAYS)
    start = days[0][1]
    names = await facts.names(contract_id)
    transitions = await facts.transitions(contract_id, start, until)
    own_names = {each.environment_id: each.name for site in newest.sites for each in site.environments}
    slugs = [page.slug for page in newest.pages]
    tenant_id, client_id = versions[-1].tenant_id, newest.client.client_id
    said = await impacts_of_people(facts, tenant_id, slugs, client_id, own_names, now) if slugs else {}
    watched = newest.uptime is not None
    systems = []
    going_on: set[UUID] = set()
    for site in newest.sites:
        site_name = names.sites.get(site.site_id, site.name)
        for environment in site.environments:
            heard = transitions.get(environment.environment_id, ())
            line = measuring.state_line(versions, heard, start, until, counts_for_sla=environment.counts_for_sla)
            watched = watched or any(span.events for span in line)
            own = names.environments.get(environment.environment_id, environment.name)
            found = outages_of(versions, heard, until, counts_for_sla=environment.counts_for_sla)
            going_on |= {outage.outage_id for outage in found if outage.end is None}
            state, since = present_state(line)
            systems.append(
                SystemNow(
                    environment.environment_id,
                    site_name if len(site.environments) == 1 else f"{site_name} · {own}",
                    environment.url,
                    environment.counts_for_sla,
                    state,
                    shown_state(state, said.get(environment.environment_id)),
                    since,
                    _days(versions, environment.environment_id, line, days),
                )
            )
    if not watched:
        systems = [system for system in systems if system.shown != system.state]
    # Where none counts, those that are watched for information say how it is.
    counted = [system for system in systems if system.counts_for_sla] or systems
    months = await months_of_uptime(facts, contract_id, now, 1)
    incidents = await facts.incidents(contract_id, now - LATELY, now)
    status = {"active": "active", "suspended": "suspended"}.get(newest.status, "ended")
    return ContractNow(
        newest,
        watched,
        headline([system.shown for system in counted], contract_status=status) if watched or systems else None,
        systems,
        months[0] if months else None,
        sorted(incidents, key=lambda known: known.state.began_at or now, reverse=True),
        {known.state.incident_id for known in incidents if known.state.source.outage_id in going_on},
    )


async def months_of_uptime(facts: Facts, contract_id: UUID, now: datetime, count: int) -> Sequence[MonthOfUptime]:
    """The last months in which the contract promised something, the present one first."""
    versions = await facts.versions(contract_id)
    if not versions:
        return []
    zones = zones_of(versions)
    months = [month_of(now, zones)]
    while len(months) < count:
        months.append(month_of(month_bounds(months[-1], zones)[0] - timedelta(microseconds=1), zones))
    names = await facts.names(contract_id)
    transitions = await facts.transitions(contract_id, month_bounds(months[-1], zones)[0], now)
    decisions = await facts.decisions(contract_id, now)
    found = []
    for month in months:
        first, last = month_bounds(month, zones)
        promised = measuring.lifetime(versions, first, min(last, now)) if first < now else None
        if promised is None:
            continue
        section = measuring.uptime(versions, transitions, names, *promised, now, decisions)
        found.append(MonthOfUptime(month, section.told_figures, section.met, last <= now))
    return found


def _days(
    versions: Sequence[KnownContract],
    environment_id: UUID,
    line: Sequence[Span],
    days: Sequence[tuple[date, datetime, datetime]],
) -> list[PublicDay]:
    promised = [
        each
        for each in measuring.stretches(versions, days[0][1], days[-1][2])
        if each.environment.environment_id == environment_id
    ]
    ruled = measuring.rules_in_turn(promised, days[0][1], days[-1][2])
    return days_shown(line, days, ruled)
