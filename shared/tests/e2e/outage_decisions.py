"""Outages that can be decided on, for tests that look at decisions or try what can be done about them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import psycopg

from shared.ids import new_id

from .thread_client import ThreadClient, eventually

Request = tuple[dict[str, str], Any]

BY_PEOPLE = frozenset({"propose_outage_decision"})
"""What no program's key may do, not even an owner's."""
BECAUSE = {"category": "third_party", "reason": "The host confirmed it"}
_TRANSITION = """
    insert into reporting.transition (monitor_id, number, tenant_id, client_id, contract_id, environment_id, entered,
        at, ended, ended_since, outage_id, reason, gaps, details, event_id)
    select %(monitor)s, %(number)s, tenant_id, client_id, contract_id,
        coalesce(%(environment)s::uuid, (state #>> '{sites,0,environments,0,environment_id}')::uuid), %(entered)s,
        began_at + %(after)s, %(ended)s, case when %(ended)s = 'down' then began_at end, %(outage)s,
        'connect', '[]', '{}', %(event)s
    from reporting.contract where contract_id = %(contract)s and began_at is not null returning 1
"""


def outage(thread: ThreadClient, contract_id: str, environment_id: str | None = None, *, over: bool = True) -> str:
    """An outage of a contract in force, as if probes had told of it: a real one takes its time.

    It begins with the contract, and is of its first environment where none is named.
    """
    found = str(new_id())
    common = {"monitor": new_id(), "environment": environment_id, "contract": contract_id, "outage": found}
    down = {"number": 1, "entered": "down", "after": timedelta(), "ended": None}
    up = {"number": 2, "entered": "up", "after": timedelta(milliseconds=1), "ended": "down"}
    with psycopg.connect(thread.stack.database_url, autocommit=True) as connection:

        def told() -> Any:
            return connection.execute(_TRANSITION, common | down | {"event": new_id()}).fetchone()

        eventually(told, 20, "reporting knows the contract")
        if over:
            connection.execute(_TRANSITION, common | up | {"event": new_id()})
    return found


def proposed(thread: ThreadClient, contract_id: str, outage_id: str) -> str:
    """A proposal about a real outage, once reporting has heard that it is over."""
    path = f"/v1/contracts/{contract_id}/outage-decisions"
    person = thread.speaking_as(thread.person("Nadia Benali", "operator"))

    def heard() -> Any:
        try:
            return person.post("reporting", path, {"outage_id": outage_id, **BECAUSE})
        except httpx.HTTPStatusError as refused:
            if refused.response.status_code in (404, 409, 422):
                return None
            raise

    with person:
        return str(eventually(heard, 20, "reporting has heard of the whole outage")["outage_decision_id"])


def requests(thread: Callable[[], ThreadClient], contract: Callable[[], str]) -> dict[str, Callable[[], Request]]:
    """Operation id to what makes a request that succeeds once; `contract` makes one in force."""

    def proposing() -> Request:
        contract_id = contract()
        return {"contract_id": contract_id}, {"outage_id": outage(thread(), contract_id), **BECAUSE}

    return {"propose_outage_decision": proposing}
