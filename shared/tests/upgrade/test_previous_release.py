"""The release before this one can live with the schemas and events of this one, and this one with what that one said.

Expand and contract: a release may add what the one before does not miss; what the one before still uses is taken away
in the next. What has to be otherwise is accepted by name, with a reason, in `previous_release/accepted.json`.
"""

from importlib import import_module

import psycopg
import pytest
from previous_release import PreviousRelease, not_accepted
from write_documents import broken_promises, load_services

from shared.consumer import parse_envelope, received_by
from shared.database import metadata_for
from shared.events import Envelope
from shared.migrations import migrate
from shared.stack.nats_server import SERVICES
from shared.stack.services import migrations_of
from shared.testing.databases import ServiceDatabases

from .schema_changes import demands, unbearable

RELEASE = PreviousRelease.kept()


@pytest.mark.parametrize("service", SERVICES)
def test_the_release_before_lives_with_the_new_schema(service: str, service_databases: ServiceDatabases) -> None:
    urls = service_databases.create_empty(service)
    folder, metadata = migrations_of(service), metadata_for(service)
    migrate(urls.owner, folder, service, metadata, RELEASE.revisions[service])
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        before = demands(connection, service)
        migrate(urls.owner, folder, service, metadata)
        now = demands(connection, service)
    found = {f"{service} {place}": why for place, why in unbearable(before, now).items()}
    assert [fault for fault in not_accepted(found, "schemas") if fault.startswith(f"{service} ")] == []


def test_published_events_keep_what_the_release_before_promised() -> None:
    assert broken_promises(load_services()) == []


@pytest.mark.parametrize("event", sorted(RELEASE.examples))
def test_an_event_of_the_release_before_is_understood_by_everybody_who_hears_it(event: str) -> None:
    payload = Envelope.model_validate(RELEASE.examples[event]).to_bytes()
    envelope, name = parse_envelope(payload)
    for service in SERVICES:
        handlers = import_module(f"{service}.handlers").handlers
        for subscription in handlers.for_event(name):
            received_by(subscription, envelope, payload)


def test_what_is_kept_is_what_the_history_has() -> None:
    if RELEASE.missing:
        pytest.skip(RELEASE.missing)
    assert PreviousRelease.of_commit(RELEASE.commit) == RELEASE
