"""The database: migrations that agree with the code, and rows that tenants cannot share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config

from reporting.adapters.tables import metadata
from reporting.main import SERVICE
from shared.database import driver_url
from shared.ids import new_id
from shared.migrations import drift, migrate
from shared.testing.databases import DatabaseUrls

from .test_report_contents import issue

SHARED = {"outbox", "inbox", "dead_letter", "idempotency_key", "alembic_version"}
NOBODYS = {"portal_asking", "rebuild"}
"""Who asks for a link is nobody's yet; a rebuild is of all tenants together."""


def test_the_migrated_schema_is_the_one_in_the_code(service_database: Callable[[str], DatabaseUrls]) -> None:
    assert drift(service_database("reporting").owner, "reporting", metadata) == []


def test_every_table_of_a_tenant_is_protected(service_database: Callable[[str], DatabaseUrls]) -> None:
    with psycopg.connect(service_database("reporting").superuser) as connection:
        tables = connection.execute(
            "select relname, relrowsecurity from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where nspname = 'reporting' and relkind = 'r'"
        ).fetchall()
        policies = connection.execute("select tablename, policyname from pg_policies").fetchall()
    own = {name for name, _ in tables} - SHARED - NOBODYS
    assert own == {name for name, protected in tables if protected}
    assert {name for name, policy in policies if policy == "tenant_isolation"} == own
    assert own - {name for name, policy in policies if policy == "client_isolation"} == {
        "webhook",
        "used_sign_in",
        "report_template",
        "webhook_replay",
        "delivery",
        "attempt",
        "audit_checkpoint",
        "audit_entry",
        "audit_key",
    }


async def test_a_step_back_before_passwords_takes_private_pages_away_and_leaves_the_others(
    start_service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    service = await start_service()
    open_ = another_story(slug="open-to-all")
    await service.hear(*story.golden_june()[:5], *open_.golden_june()[:5])
    for each, wanted in ((story, {"audience": "password", "password": "pain au levain"}), (open_, {"name": "Open"})):
        async with service.client(each) as agency:
            path = f"/v1/status-pages/{each.slug}"
            assert (await agency.patch(path, json=wanted, headers={"if-match": "*"})).status_code == 200
    with stepped_back(service, "0009"):
        with psycopg.connect(service.urls.superuser) as connection:
            found = connection.execute("select slug from reporting.contract where slug is not null").fetchall()
        assert found == [("open-to-all",)]


async def test_a_step_back_before_providers_leaves_pages_closed_that_the_release_before_can_read(
    start_service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    service = await start_service()
    open_ = another_story(tenant_id=story.tenant_id, slug="open-to-all")
    await service.hear(*story.golden_june()[:5], *open_.golden_june()[:5])
    provider = {"name": "Martin SA", "issuer": "https://id.martin.example", "oidc_client_id": "upheld"}
    async with service.client(story) as agency:
        added = await agency.post("/v1/identity-providers", json=provider | {"oidc_client_secret": "of a test"})
        through = {"identity_provider_id": added.json()["identity_provider_id"], "admitted_domains": ["a.example"]}
        for slug, wanted in (
            (story.slug, {"audience": "password", "password": "pain au levain"}),
            (story.slug, {"audience": "single_sign_on", "name": "Martin", **through}),
            (open_.slug, through),
        ):
            path = f"/v1/status-pages/{slug}"
            answer = await agency.patch(path, json=wanted, headers={"if-match": "*"})
            assert answer.status_code == 200, answer.text
    with stepped_back(service, "0014"), psycopg.connect(service.urls.superuser) as connection:
        found = connection.execute(
            "select slug, settings ->> 'audience', settings ->> 'name', password from reporting.status_page"
            " where not settings ?| array['identity_provider_id', 'admitted_domains'] order by slug"
        ).fetchall()
    assert found == [(story.slug, "password", "Martin", None), ("open-to-all", "public", None, None)]
    async with service.client() as visitor:
        # What it reads now, the release before read as well: a page with a password that nobody knows.
        assert (await visitor.get(f"/status/{story.slug}", headers={"accept": "text/html"})).status_code == 403
        for password in ("pain au levain", ""):
            answer = await visitor.get(f"/status/{story.slug}.json", auth=("reader", password))
            assert answer.status_code == 401
        assert (await visitor.get("/status/open-to-all")).status_code == 200
    async with service.client(story) as agency:
        body = {"password": "brioche dorée"}
        answer = await agency.patch(f"/v1/status-pages/{story.slug}", json=body, headers={"if-match": "*"})
        assert answer.status_code == 200, answer.text
    async with service.client() as visitor:
        assert (await visitor.get(f"/status/{story.slug}.json", auth=("reader", "brioche dorée"))).status_code == 200


async def test_a_step_back_before_editions_of_reviews_keeps_their_notes_and_the_editions_of_months(
    start_service: Any, story: Any
) -> None:
    service = await start_service()
    await service.hear(*story.golden_june())
    address = f"/v1/contracts/{story.contract_id}/reviews/quarterly/2026-06/notes"
    notes = {"recommendations_fr": "Passer à PHP 8.4."}
    async with service.client(story) as client:
        assert (await client.put(address, json=notes, headers={"if-match": '"0"'})).status_code == 200
        template = {"order": ["tickets", "lines"]}
        kept = await client.put("/v1/report-templates/hours", json=template, headers={"if-match": '"0"'})
        assert kept.status_code == 200
    service.clock.set(datetime(2026, 7, 1, 6, tzinfo=UTC))
    await issue(service)
    with stepped_back(service, "0020"), psycopg.connect(service.urls.superuser) as connection:
        assert connection.execute("select kind, version, content from reporting.review_note").fetchall() == [
            ("quarterly", 1, notes)
        ]
        assert connection.execute("select count(*) from reporting.report_edition").fetchone() == (2,)
        assert connection.execute("select count(*) from reporting.report_template").fetchone() == (0,)
    async with service.client(story) as client:
        read = await client.get(address)
    assert (read.headers["ETag"], read.json()["notes"]["recommendations_fr"]) == ('"1"', "Passer à PHP 8.4.")


@contextmanager
def stepped_back(service: Any, revision: str) -> Iterator[None]:
    """The database as the release of a revision had it."""
    assert SERVICE.migrations is not None
    config = Config()
    config.set_main_option("script_location", str(SERVICE.migrations))
    config.attributes.update(schema="reporting", metadata=metadata, url=driver_url(service.urls.owner))
    try:
        command.downgrade(config, revision)
        yield
    finally:
        migrate(service.urls.owner, SERVICE.migrations, "reporting", metadata)


@pytest.mark.capability("X09")
async def test_each_fact_is_seen_by_its_tenant_and_its_client_only(
    service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    other = another_story()
    await service.hear(*story.golden_june(), *other.golden_june())
    tables = [table for table in metadata.sorted_tables if "client_id" in table.columns]
    units = service.runtime.units
    for table in tables:
        counts = []
        for scope in (
            units.for_every_tenant(),
            units.for_tenant(story.tenant_id),
            units.for_tenant(story.tenant_id, client_id=story.client_id),
            units.for_tenant(story.tenant_id, client_id=new_id()),
            units.for_tenant(new_id()),
        ):
            async with scope as unit:
                counts.append(len((await unit.session.execute(table.select())).all()))
        everyone, mine, my_client, stranger, nobody = counts
        assert everyone == 2 * mine, table.name
        assert mine == my_client, table.name
        assert stranger == nobody == 0, table.name
