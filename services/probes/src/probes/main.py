"""The probes service: measurements of what contracts promise to watch."""

from pathlib import Path

from fastapi import FastAPI

from probes.adapters.tables import metadata
from probes.api import (
    check_tests,
    components,
    crash_reports,
    figures,
    heartbeats,
    imports,
    locations,
    monitor_changes,
    monitor_groups,
    monitors,
    observations,
    outages,
    pings,
    restores,
    results_file,
    unwatched_pages,
)
from probes.api.commands import reseal_secrets, runner_keys
from probes.api.errors import ERRORS
from probes.handlers import handlers
from probes.published.v1 import registry
from probes.settings import ProbesSettings
from probes.worker import extra_loops, jobs, runner_process
from shared.service import Service, create_app
from shared.settings import load_settings

SERVICE = Service(
    name="probes",
    title="Upheld probes",
    description=(
        "Monitors, checks and outages. A monitor follows from a contract; every check is kept; an outage is dated from "
        "its first failing check to its first good one, and time without a result is unknown, never up or down."
    ),
    version="0.1.0",
    settings_class=ProbesSettings,
    routers=[
        monitors.router,
        monitor_changes.router,
        monitor_groups.router,
        unwatched_pages.router,
        check_tests.router,
        imports.router,
        figures.router,
        results_file.router,
        outages.router,
        locations.router,
        observations.router,
        heartbeats.router,
        pings.router,
        crash_reports.router,
        restores.router,
        components.router,
    ],
    metadata=metadata,
    migrations=Path(__file__).parent / "migrations",
    registry=registry,
    handlers=handlers,
    jobs=jobs,
    extra_loops=extra_loops,
    commands={"runner": runner_process, "runner-keys": runner_keys, "reseal-secrets": reseal_secrets},
    errors=ERRORS,
    # Exports, and the proof of restores.
    recorded_readings=frozenset({"download_monitor_results", "list_restore_verifications", "get_restore_verification"}),
    # What is measured, here or by the application itself, is no change: its results speak for themselves.
    unrecorded_changes=frozenset({"report_success", "report_failure", "report_start", "report_crashes", "runner"}),
    tags=[
        {"name": "monitors", "description": "What is watched, what the checks found, how the state line runs."},
        {"name": "groups", "description": "Pages that are watched alike, and more closely in critical periods."},
        {"name": "observations", "description": "What checks have seen: certificates, registrations, versions."},
        {"name": "outages", "description": "Confirmed outages with their evidence."},
        {"name": "locations", "description": "Where monitors are checked from, and whether that counts."},
        {"name": "reported", "description": "What reports by itself: heartbeats, crash rates, restores, versions."},
    ],
)


def build_app(settings: ProbesSettings | None = None) -> FastAPI:
    """The API, with settings from the environment unless they are given."""
    return create_app(SERVICE, settings or load_settings(ProbesSettings))
