"""Pages that a contract promises to watch: a group for each environment that counts, as long as that is promised.

A group is found again by contract and environment, so that its pages keep their history through every version. What
somebody has changed of such a group lasts until the next version of the contract. A contract is in force whether or not
its pages can be watched as it says: where they cannot, that is kept and told, once per environment and reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid5

import structlog
from pydantic import ValidationError

from probes.application.changing_monitors import CannotChange, NotAllowed
from probes.application.checks.http import PageConfiguration
from probes.application.checks.secrets import masked, origin_of
from probes.application.critical_periods import LONGEST, CriticalPeriodRule, Group
from probes.application.groups import GroupPatch, NewGroup, Ports, change_group, create_group, remove_group
from probes.domain.monitors import (
    USUAL,
    WATCHED_PAGES,
    Environment,
    Promise,
    PromisedPages,
    address_of,
    is_web_address,
    paced,
    quickest,
)
from probes.domain.unwatched_pages import UnwatchedPages, is_over
from shared.ids import new_id
from shared.values import duration_text

_DAY = timedelta(days=1)
NAME_LENGTH = 100

log = structlog.get_logger(__name__)


async def follow_pages(contract_id: UUID, ports: Ports, now: datetime) -> None:
    """Makes the groups of promised pages those of the version in force. Doing it again changes nothing.

    While a contract is not active its pages are paused like its other monitors, and their groups stay as they are.
    """
    promise = await ports.versions.in_force(contract_id, now)
    if promise is None or promise.status == "suspended":
        return
    known = await ports.unwatched.held(contract_id)
    refused: dict[UUID, str] = {}
    for environment in promise.environments if promise.status == "active" else ():
        try:
            await _follow(promise, environment, ports, now)
        except (NotAllowed, CannotChange) as error:
            refused[environment.environment_id] = str(error)
        except ValidationError as error:
            refused[environment.environment_id] = _in_words(error)
    await _tell(promise, known, refused, ports, now)


async def _tell(
    promise: Promise, known: Sequence[UnwatchedPages], refused: Mapping[UUID, str], ports: Ports, now: datetime
) -> None:
    told = {each.environment_id for each in known if not is_over(each, refused)}
    news = [replace(each, ended_at=now) for each in known if is_over(each, refused)]
    news += [
        UnwatchedPages(
            unwatched_pages_id=new_id(),
            tenant_id=promise.tenant_id,
            client_id=promise.client_id,
            contract_id=promise.contract_id,
            site_id=environment.site_id,
            environment_id=environment.environment_id,
            name=environment.name,
            contract_version=promise.version,
            reason=refused[environment.environment_id],
            found_at=now,
        )
        for environment in promise.environments
        if environment.environment_id in refused.keys() - told
    ]
    for each in news:
        await ports.unwatched.keep(each)
        ports.announcer.announce_unwatched(each)
        log.info(
            "promised_pages_unwatched" if each.ended_at is None else "promised_pages_unwatched_no_longer",
            contract_id=str(each.contract_id),
            environment_id=str(each.environment_id),
            reason=each.reason,
        )


def _in_words(error: ValidationError) -> str:
    """What is wrong with a configuration, without the values, which may be secrets."""
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'configuration'}: {each['msg']}"
        for each in error.errors(include_input=False, include_url=False)[:3]
    )


async def _follow(promise: Promise, environment: Environment, ports: Ports, now: datetime) -> None:
    wanted = promise.pages if environment.counts_for_sla and is_web_address(environment.url) else None
    for group_id in _ids(promise.contract_id, environment.environment_id):
        found = await ports.groups.held(group_id)
        if found is not None and found[0].removed_at is not None:
            continue
        if found is not None:
            group, pages = found
            if wanted is None:
                await remove_group(group, pages, ports, now)
            else:
                await _change(group, pages, _group(promise, environment, wanted, group_id, now), ports, now)
        elif wanted is not None:
            await create_group(_group(promise, environment, wanted, group_id, now), ports, now)
        return


def _ids(contract_id: UUID, environment_id: UUID) -> Iterator[UUID]:
    """What was removed is not watched again: the promise begins a group of its own when it comes back."""
    return (uuid5(contract_id, f"{environment_id}/{WATCHED_PAGES}/{number}") for number in count(1))


async def _change(group: Group, page_ids: Sequence[UUID], wanted: NewGroup, ports: Ports, now: datetime) -> None:
    known = await ports.monitors.locked(page_ids)
    pages = {page.subject.url: page.subject.name for page in known.values()}
    same = (
        pages == dict(wanted.pages)
        and group.configuration == wanted.configuration
        and group.critical_periods == wanted.critical_periods
        and group.cadence.interval_seconds == wanted.cadence["interval_seconds"]
        and group.cadence.timeout_seconds == wanted.cadence["timeout_seconds"]
    )
    if same:
        return
    stored = masked(group.configuration.document())
    kept = {origin_of(url) for url in pages} >= {origin_of(url) for url in wanted.pages}
    # What somebody has added to the requests, such as a password, is for the site that it was given for.
    unsaid: dict[str, Any] = {"profile": None, "assertions": None} if kept else dict.fromkeys(stored)
    document = unsaid | wanted.configuration.document()
    patch = GroupPatch(
        pages=wanted.pages,
        configuration=document,
        cadence=wanted.cadence,
        critical_periods=wanted.critical_periods,
    )
    await change_group(group, page_ids, patch, ports, now)


def _group(
    promise: Promise, environment: Environment, wanted: PromisedPages, group_id: UUID, now: datetime
) -> NewGroup:
    usual = paced(quickest(promise) if promise.probe_sets else USUAL, wanted.shortest_interval)
    assertions = [] if wanted.budget_ms is None else [{"type": "response_time", "at_most_ms": wanted.budget_ms}]
    return NewGroup(
        contract_id=promise.contract_id,
        environment_id=environment.environment_id,
        name=f"{environment.name} – pages"[:NAME_LENGTH],
        pages={address_of(environment.url or "", path): name[:NAME_LENGTH] for path, name in wanted.paths.items()},
        configuration=PageConfiguration.model_validate({"profile": wanted.profile, "assertions": assertions}),
        cadence={"interval_seconds": wanted.interval_seconds, "timeout_seconds": usual.timeout_seconds},
        critical_periods=tuple(_rules(wanted, now)),
        group_id=group_id,
    )


def _rules(wanted: PromisedPages, now: datetime) -> Iterator[CriticalPeriodRule]:
    yesterday = now.date() - _DAY
    for period in wanted.periods:
        first = max(period.first_day, yesterday) if period.last_day - period.first_day >= LONGEST else period.first_day
        if period.last_day < first:
            continue
        days = min(period.last_day - first + _DAY, LONGEST)
        yield CriticalPeriodRule.model_validate(
            {
                "name": period.name,
                "time_zone": wanted.time_zone,
                "starts": f"{first}T00:00",
                "duration": duration_text(days),
                "interval_seconds": period.interval_seconds,
                "response_times": [] if period.budget_ms is None else [{"at_most_ms": period.budget_ms}],
            }
        )
