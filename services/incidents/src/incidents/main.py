"""The incidents service: what it consists of."""

from pathlib import Path

from fastapi import FastAPI

from incidents.adapters.defaults import box_of, default_recipients, incidents_settings
from incidents.adapters.sealed_secrets import reseal_all
from incidents.adapters.tables import metadata
from incidents.api import (
    acknowledgement_links,
    alert_addresses,
    attachments,
    calculators,
    calls,
    changes,
    channels,
    durations,
    escalations,
    found_items,
    incidents,
    intake,
    intake_sources,
    item_stream,
    items,
    on_call,
    people,
    priorities,
    queue,
    reactivity,
    records,
    requests,
    saved_filters,
    work_orders,
)
from incidents.api.errors import ERRORS
from incidents.handlers import handlers
from incidents.jobs.clocks import DueClocks
from incidents.published.v1 import registry
from incidents.settings import IncidentsSettings
from incidents.worker import jobs
from shared.progress import SaidNowAndThen
from shared.service import Service, create_app
from shared.settings import ServiceSettings, load_settings
from shared.worker import build_runtime


async def rebuild_clocks(_: list[str], settings: ServiceSettings) -> int:
    """Drops what is cached of every clock and folds it again from its facts."""
    runtime = build_runtime(settings, registry)
    try:
        recipients = default_recipients(incidents_settings(settings))
        rebuilt = await DueClocks(runtime.units, runtime.clock, recipients).rebuild()
    finally:
        await runtime.close()
    print(f"rebuilt the clocks of {rebuilt} incidents")  # noqa: T201 - a command talks to its user
    return 0


async def reseal_secrets(_: list[str], settings: ServiceSettings) -> int:
    """Seals every stored secret with the present key, so that the previous one can be taken out of the settings."""
    runtime = build_runtime(settings, registry)
    try:
        resealed, unreadable = await reseal_all(runtime.units, box_of(incidents_settings(settings)), SaidNowAndThen())
    finally:
        await runtime.close()
    print(f"sealed {resealed} secrets with the present key")  # noqa: T201 - a command talks to its user
    for name in unreadable:
        print(f"neither key opens the {name}: give that secret again")  # noqa: T201
    return 1 if unreadable else 0


SERVICE = Service(
    name="incidents",
    title="Upheld incidents",
    description=(
        "What goes wrong, is asked for or evolves, and how we react: incidents, requests, changes, the clocks that the "
        "contract promises, alerts, and the SLA clock as a calculator."
    ),
    version="0.1.0",
    settings_class=IncidentsSettings,
    routers=[
        incidents.router,
        requests.router,
        changes.router,
        work_orders.router,
        work_orders.schedules,
        found_items.router,
        item_stream.router,
        items.router,
        items.of_many,
        attachments.router,
        saved_filters.router,
        queue.router,
        priorities.router,
        reactivity.router,
        durations.router,
        intake_sources.router,
        intake_sources.held_router,
        intake.router,
        calls.router,
        alert_addresses.router,
        channels.router,
        channels.tries,
        acknowledgement_links.router,
        people.router,
        on_call.router,
        escalations.router,
        escalations.of_items,
        *records.ROUTERS,
        calculators.router,
    ],
    metadata=metadata,
    migrations=Path(__file__).parent / "migrations",
    registry=registry,
    errors=ERRORS,
    handlers=handlers,
    jobs=jobs,
    commands={"rebuild-clocks": rebuild_clocks, "reseal-secrets": reseal_secrets},
    raw_bodies=intake.RAW_BODIES | attachments.RAW_BODIES,
    # Who was in the client's systems, evidence and files, exports, and mails that nobody was meant to get.
    recorded_readings=frozenset(
        {
            "list_access_sessions",
            "get_access_session",
            "list_evidence",
            "get_evidence",
            "download_attachment",
            "download_interventions",
            "download_time_entries",
            "list_held_mails",
        }
    ),
    tags=[
        {"name": "incidents", "description": "From the first failure to the closed record, with clocks."},
        {"name": "requests", "description": "What clients ask for: error reports, features, assistance."},
        {"name": "changes", "description": "Scoped evolutions, from the draft to the client's acceptance."},
        {"name": "work orders", "description": "Preventive work: schedules, checklists, proof."},
        {"name": "items", "description": "What is done to an item of any kind."},
        {"name": "queue", "description": "What waits, in order."},
        {"name": "intake", "description": "What comes in: alerts of other systems, tickets, mails, calls."},
        {"name": "alerts", "description": "Whom the agency alerts."},
        {"name": "on-call", "description": "Who is there when, who is asked when nobody is, and where nobody will be."},
        *records.TAGS,
        {"name": "calculators", "description": "Pure rules without state: the functions that the service itself uses."},
    ],
)


def build_app(settings: IncidentsSettings | None = None) -> FastAPI:
    """The API of the service. Without settings they are read from the environment."""
    return create_app(SERVICE, settings or load_settings(IncidentsSettings))
