"""The reporting service, put together."""

from pathlib import Path

from fastapi import FastAPI

from reporting.adapters.tables import metadata
from reporting.api import (
    access_report,
    audit,
    calculators,
    client_history,
    component_pages,
    decision_log,
    evidence,
    hours_reports,
    identity_providers,
    incident_pages,
    margins,
    message_deliveries,
    outage_decisions,
    page_incidents,
    page_settings,
    page_updates,
    portal_entry,
    portal_forms,
    portal_pages,
    portal_reports,
    portal_single_sign_on,
    report_editions,
    report_templates,
    reports,
    review_editions,
    review_files,
    reviews,
    scheduled_reports,
    sent_reports,
    status_feeds,
    status_pages,
    status_single_sign_on,
    status_subscriptions,
    statuspage,
    webhooks,
)
from reporting.api.commands import rebuild, reseal_secrets, verify_audit
from reporting.api.errors import ERRORS
from reporting.api.problems_in_words import around
from reporting.api.webhook_document import outgoing
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
        component_pages.router,
        incident_pages.router,
        statuspage.router,
        status_feeds.router,
        status_subscriptions.router,
        status_single_sign_on.router,
        identity_providers.router,
        page_settings.router,
        page_incidents.router,
        page_updates.router,
        page_settings.certificates,
        reports.router,
        report_editions.router,
        report_templates.router,
        report_templates.documents,
        review_editions.listed,
        reviews.router,
        review_files.router,
        review_editions.router,
        scheduled_reports.schedules,
        scheduled_reports.listed,
        scheduled_reports.router,
        message_deliveries.router,
        decision_log.router,
        hours_reports.router,
        client_history.router,
        margins.of_contracts,
        margins.router,
        margins.rates_router,
        reports.shared_router,
        sent_reports.router,
        evidence.router,
        outage_decisions.of_contracts,
        outage_decisions.router,
        webhooks.router,
        audit.router,
        audit.checkpoints,
        audit.access,
        access_report.router,
        calculators.router,
        portal_entry.router,
        portal_single_sign_on.router,
        portal_forms.router,
        portal_pages.router,
        portal_reports.router,
    ],
    webhooks=outgoing,
    metadata=metadata,
    migrations=Path(__file__).parent / "migrations",
    registry=registry,
    errors=ERRORS,
    handlers=handlers,
    jobs=build_jobs,
    commands={"verify-audit": verify_audit, "reseal-secrets": reseal_secrets, "rebuild": rebuild},
    recorded_readings=audit.READINGS
    | access_report.READINGS
    | reports.READINGS
    | report_editions.READINGS
    | reviews.READINGS
    | review_files.READINGS
    | review_editions.READINGS
    | scheduled_reports.READINGS
    | message_deliveries.READINGS
    | decision_log.READINGS
    | hours_reports.READINGS
    | client_history.READINGS
    | margins.READINGS
    | evidence.READINGS
    | portal_reports.READINGS
    | portal_single_sign_on.READINGS,
    around=around,
    # What is asked for before anybody is known changes nothing of anybody's; what a client does with a form of the
    # portal is recorded by the service that does it.
    unrecorded_changes=frozenset(
        {
            "verify-audit",
            "enter_status_page",
            "ask_for_portal_link",
            "open_portal_request",
            "reply_in_portal",
            "decide_in_portal",
            "approve_work_in_portal",
            "answer_in_portal",
        }
    ),
    raw_bodies=page_settings.RAW_BODIES
    | status_pages.RAW_BODIES
    | status_subscriptions.RAW_BODIES
    | portal_entry.FORMS
    | portal_forms.FORMS,
    tags=[
        {"name": "status pages", "description": "Public pages of clients: state, uptime and incidents in public words"},
        {"name": "reports", "description": "Availability and monthly reports, and links to share them"},
        {"name": "margins", "description": "What contracts cost the agency and bring in, and how long things take"},
        {"name": "evidence", "description": "What stands behind a figure, signed and checkable without us"},
        {
            "name": "decisions",
            "description": "Outages that count otherwise, as two people agreed, with what was before",
        },
        {"name": "webhooks", "description": "Signed deliveries of events to other systems, with their log"},
        {"name": "identity providers", "description": "OpenID providers through which clients sign in"},
        {"name": "audit", "description": "What happened and who did it, signed and checkable by others; who read what"},
        {"name": "calculators", "description": "Pure rules without state: the functions that the service itself uses."},
    ],
)


def build_app(settings: ReportingSettings | None = None) -> FastAPI:
    """The API, with settings from the environment unless they are given."""
    return create_app(SERVICE, settings or load_settings(ReportingSettings))
