"""Growth: how much sites are used, against the agreed volume of hours and the time that reactions take."""

from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.application.contracts import Contract
from contracts.application.errors import Refused, named_at
from contracts.application.hours import AgreedOverTime
from contracts.application.ports import Workspace
from contracts.application.values import Name, Request
from contracts.domain import contract_hours as hours
from contracts.domain import growth as rules
from contracts.domain.agreement import local_date
from contracts.domain.contract_hours import month_of
from contracts.domain.contract_term import add_months
from shared.kernel.money import round_half_away
from shared.values import Instant, Month

MONTHS_SHOWN = 12

Figure = Annotated[int, Field(strict=True, ge=0, le=10**12, json_schema_extra={"format": "int64"})]


class NewUsageFigure(Request):
    """How much a site was used in a month, as somebody measured it. Told again, the newer figure counts."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "site_id": "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a12",
                    "month": "2026-05",
                    "users": 4200,
                    "visits": 18000,
                    "source": "Web analytics",
                }
            ]
        },
    )

    site_id: UUID
    month: Month
    users: Figure = Field(description="People who used it.")
    visits: Figure = Field(description="Visits, or requests of an API.")
    source: Name | None = Field(default=None, description="Where the figure comes from.")


class UsageFigure(NewUsageFigure):
    """A figure, as it was told; it is never changed."""

    model_config = ConfigDict(extra="ignore")

    number: int = Field(ge=1, description="The highest one of a month counts.")
    client_id: UUID
    recorded_at: Instant
    recorded_by: str


class Reaction(BaseModel):
    """How long a response took, as its clock reads."""

    clock_id: UUID
    clock_version: int
    contract_id: UUID
    client_id: UUID
    at: datetime
    month: date
    elapsed_seconds: int


class GrowthMonth(BaseModel):
    """A month: use, agreed volume, and reactions."""

    month: Month
    users: int | None = Field(description="Of all sites of the contract; null: nobody told.")
    visits: int | None
    included_minutes: int
    reactions: int
    mean_reaction_seconds: int | None


class GrowthTrend(BaseModel):
    """Three months against the three before them, in percent with two decimals; null: nothing to compare."""

    month: Month = Field(description="The last of the months, which is over.")
    users_percent: str | None
    volume_percent: str | None
    reaction_percent: str | None
    degraded: bool = Field(description="Reactions take a fifth longer while the volume is the same.")


class GrowthAlert(BaseModel):
    """Reactions became slower at constant volume; told once for a month."""

    alert_id: UUID
    contract_id: UUID
    client_id: UUID
    month: Month
    trend: GrowthTrend
    raised_at: Instant


class Growth(BaseModel):
    """How a contract grows."""

    contract_id: UUID
    months: list[GrowthMonth] = Field(max_length=MONTHS_SHOWN, description="The last ones that are over.")
    trend: GrowthTrend
    alerts: list[GrowthAlert] = Field(max_length=1000)


async def tell_usage(work: Workspace, new: NewUsageFigure) -> UsageFigure:
    """Keeps a figure. Raises Unknown for the site, Refused for a month that has not begun."""
    with named_at("site_id"):
        site = await work.sites.locked(new.site_id)
    zone = (await work.clients.get(site.client_id)).time_zone
    if new.month > month_of(local_date(work.now, zone)):
        raise Refused("has not begun", "month")
    figure = UsageFigure(
        **new.model_dump(), number=1, client_id=site.client_id, recorded_at=work.now, recorded_by=work.actor
    )
    return await work.hours.growth.add_figure(figure)


async def growth_of(work: Workspace, contract: Contract) -> Growth:
    """How the contract grows, by the months that are over."""
    agreed = await work.hours.book.agreed(contract.contract_id)
    months = await _months(work, contract, agreed)
    return Growth(
        contract_id=contract.contract_id,
        months=[told for told, _ in months],
        trend=_trend(months),
        alerts=list(await work.hours.growth.alerts(contract.contract_id)),
    )


async def watch(work: Workspace, contract: Contract) -> GrowthAlert | None:
    """Says `growth.reactivity_degraded`, once for the last month that is over, if reactions became slower."""
    agreed = await work.hours.book.agreed(contract.contract_id)
    trend = _trend(await _months(work, contract, agreed))
    if not trend.degraded:
        return None
    alert = GrowthAlert(
        alert_id=work.new_id(),
        contract_id=contract.contract_id,
        client_id=contract.client_id,
        month=trend.month,
        trend=trend,
        raised_at=work.now,
    )
    if not await work.hours.growth.raise_alert(alert):
        return None
    work.hours.announcer.reactivity_degraded(alert)
    return alert


async def reacted(work: Workspace, contract_id: UUID, clock_id: UUID, version: int, at: datetime, seconds: int) -> None:
    """Keeps how long a response took. Raises Unknown for the contract."""
    contract = await work.contracts.get(contract_id)
    zone = (await work.hours.book.agreed(contract_id)).zone
    reaction = Reaction(
        clock_id=clock_id,
        clock_version=version,
        contract_id=contract_id,
        client_id=contract.client_id,
        at=at,
        month=month_of(at.astimezone(zone).date()),
        elapsed_seconds=seconds,
    )
    await work.hours.growth.put_reaction(reaction)


async def _months(
    work: Workspace, contract: Contract, agreed: AgreedOverTime
) -> list[tuple[GrowthMonth, rules.MonthOfGrowth]]:
    this_month = month_of(local_date(work.now, agreed.zone.key))
    months = [add_months(this_month, -back) for back in range(MONTHS_SHOWN, 0, -1)]
    figures = await work.hours.growth.figures(contract.terms.site_ids, months[0], months[-1])
    reactions = await work.hours.growth.reactions(contract.contract_id, months[0], months[-1])
    found = []
    for month in months:
        used = [figure for figure in figures if figure.month == month]
        count, seconds = reactions.get(month, (0, 0))
        terms = hours.month_terms(month, agreed.held, agreed.zone)
        included = 0 if terms is None else terms.included_minutes
        users = sum(figure.users for figure in used) if used else None
        mean = rules.mean_seconds(count, seconds)
        told = GrowthMonth(
            month=month,
            users=users,
            visits=sum(figure.visits for figure in used) if used else None,
            included_minutes=included,
            reactions=count,
            mean_reaction_seconds=None if mean is None else int(round_half_away(mean, 0)),
        )
        found.append((told, rules.MonthOfGrowth(users, included, count, seconds)))
    return found


def _trend(months: Sequence[tuple[GrowthMonth, rules.MonthOfGrowth]]) -> GrowthTrend:
    trend = rules.trend_of([values for _, values in months])
    return GrowthTrend(
        month=months[-1][0].month,
        users_percent=_percent(trend.users_percent),
        volume_percent=_percent(trend.volume_percent),
        reaction_percent=_percent(trend.reaction_percent),
        degraded=trend.degraded,
    )


def _percent(change: Fraction | None) -> str | None:
    return None if change is None else format(round_half_away(change, 2), "f")
