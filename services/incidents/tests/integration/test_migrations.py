"""The migrated schema is the one that the code expects."""

from collections.abc import Callable

import pytest

from incidents.adapters.tables import metadata
from incidents.main import rebuild_clocks
from shared.migrations import drift
from shared.testing.databases import DatabaseUrls

from .conftest import Agreement, Desk, settings_for


def test_the_migrations_make_the_tables_of_the_code(service_database: Callable[[str], DatabaseUrls]) -> None:
    assert drift(service_database("incidents").owner, "incidents", metadata) == []


async def test_the_command_rebuilds_every_cached_clock(
    desk: Desk, agreement: Agreement, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    await desk.execute("update incidents.clock_due set due_at = null, breach_after = null, next_due_at = null")
    assert await rebuild_clocks([], settings_for(desk.urls)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "rebuilt the clocks of 1 incidents"
    due = await desk.rows("select due_at from incidents.clock_due order by metric desc")
    assert [row["due_at"].isoformat() for row in due] == ["2026-06-08T09:30:00+00:00", "2026-06-08T13:00:00+00:00"]
