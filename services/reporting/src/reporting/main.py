"""The reporting service, put together."""

from pathlib import Path

from fastapi import FastAPI

from reporting.adapters.tables import metadata
from reporting.api import audit, calculators, reports, status_pages, webhooks
from reporting.api.commands import verify_audit
from reporting.api.errors import ERRORS
from reporting.handlers import handlers
from reporting.published.v1 import registry
from reporting.settings import ReportingSettings
from reporting.worker import build_jobs
from shared.service import Service, create_app
from shared.settings import load_settings

SERVICE = Service(
    name="reporting",
    title="Upheld reporting",
    description="What a client reads: public status pages, availability and monthly reports with the facts behind "
    "every figure, webhooks that tell other systems what happens, and the audit log of all services.",
    version="0.1.0",
    settings_class=ReportingSettings,
    routers=[
        status_pages.router,
        reports.router,
        reports.shared_router,
        webhooks.router,
        audit.router,
        audit.checkpoints,
        audit.access,
        calculators.router,
    ],
    metadata=metadata,
    migrations=Path(__file__).parent / "migrations",
    registry=registry,
    errors=ERRORS,
    handlers=handlers,
    jobs=build_jobs,
    commands={"verify-audit": verify_audit},
    recorded_readings=audit.READINGS | reports.READINGS,
    unrecorded_changes=frozenset({"verify-audit"}),
    tags=[
        {"name": "status pages", "description": "Public pages of clients: state, uptime and incidents in public words"},
        {"name": "reports", "description": "Availability and monthly reports, and links to share them"},
        {"name": "webhooks", "description": "Signed deliveries of events to other systems, with their log"},
        {"name": "audit", "description": "What happened and who did it, signed and checkable by others; who read what"},
        {"name": "calculators", "description": "Pure rules without state: the functions that the service itself uses."},
    ],
)


def build_app(settings: ReportingSettings | None = None) -> FastAPI:
    """The API, with settings from the environment unless they are given."""
    return create_app(SERVICE, settings or load_settings(ReportingSettings))
