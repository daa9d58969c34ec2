"""Configuration items: five kinds, a history that stays, what does not go together, what is past its support."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from contracts.jobs.registers import DueRegisters
from contracts.published.registers_v1 import AdvisoryIssued, ConfigurationItemChanged
from shared.kernel.clock import FixedClock

from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

ITEMS = "/v1/configuration-items"
KINDS = ("hardware", "os_and_patches", "application", "parameter", "interface")


async def item(agency: Agency, client: Any, name: str = "shop", label: str | None = "2.3.0", **values: Any) -> Any:
    current = None if label is None else {"label": label, "effective_from": "2026-06-01T00:00:00Z"}
    body = {"client_id": client["client_id"], "kind": "application", "name": name, "current": current, **values}
    return await agency.make(ITEMS, body)


async def record(agency: Agency, of: Any, label: str, **values: Any) -> Any:
    return await agency.make(f"{ITEMS}/{of['configuration_item_id']}/versions", {"label": label, **values})


async def state(agency: Agency, of: Any, **params: str) -> str | None:
    answer = await agency.get(f"{ITEMS}/{of['configuration_item_id']}/state", params=params)
    return None if answer["held"] is None else str(answer["held"]["label"])


@pytest.mark.capability("K76")
async def test_items_of_five_kinds_are_entered_and_called_by_name_in_both_languages(agency: Agency) -> None:
    client = await agency.client()
    made = [await item(agency, client, kind, kind=kind) for kind in KINDS]
    listed = await agency.get(ITEMS, params={"client_id": client["client_id"]})
    assert listed["data"] == made
    assert [one["in_words"]["kind"]["fr"] for one in made] == [
        "matériel",
        "système d’exploitation et correctifs",
        "application",
        "paramètre",
        "interface",
    ]
    assert (made[0]["label"], made[0]["in_words"]["state"]) == ("2.3.0", {"fr": "en service", "en": "in service"})
    only = await agency.get(ITEMS, params={"client_id": client["client_id"], "kind": "interface"})
    assert only["data"] == [made[-1]]
    await agency.refused(409, "POST", ITEMS, json={key: made[0][key] for key in ("client_id", "kind", "name")})


@pytest.mark.capability("K77")
async def test_what_was_in_service_at_the_instant_of_an_incident_is_told_the_same_for_ever(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    shop = await item(agency, await agency.client())
    incident_at = "2026-06-08T08:00:00Z"
    assert await state(agency, shop, at=incident_at) == "2.3.0"
    seen_at = "2026-06-08T09:00:00Z"
    clock.advance(timedelta(hours=1))
    # Somebody finds out later that another version was there, and that it was not that one either.
    await record(agency, shop, "2.4.0", effective_from="2026-06-08T07:00:00Z")
    clock.advance(timedelta(hours=1))
    await record(agency, shop, "2.4.1", effective_from="2026-06-08T07:30:00Z", corrects=2)
    clock.advance(timedelta(hours=1))
    assert await state(agency, shop, at=incident_at, known_at=seen_at) == "2.3.0"
    assert await state(agency, shop, at=incident_at, known_at="2026-06-08T10:00:00Z") == "2.4.0"
    assert await state(agency, shop, at=incident_at) == "2.4.1"
    assert await state(agency, shop, at="2026-05-01T00:00:00Z") is None
    whole = await agency.get(
        "/v1/configuration-states", params={"client_id": shop["client_id"], "at": incident_at, "known_at": seen_at}
    )
    assert [one["held"]["label"] for one in whole["data"]] == ["2.3.0"]
    versions = await agency.get(f"{ITEMS}/{shop['configuration_item_id']}/versions")
    assert [(one["label"], one["corrects"]) for one in versions["data"]] == [
        ("2.3.0", None),
        ("2.4.0", None),
        ("2.4.1", 2),
    ]
    for table in ("configuration_version", "register_version"):
        async with installation.runtime.database.engine.connect() as connection:
            with pytest.raises(Exception, match="permission denied"):
                await connection.execute(text(f"update contracts.{table} set client_id = client_id"))


@pytest.mark.parametrize(
    ("version", "pointer"),
    [
        ({"effective_from": "2027-01-01T00:00:00Z"}, "#/effective_from"),
        ({"state": "withdrawn"}, "#/corrects"),
        ({"corrects": 7}, "#/corrects"),
    ],
)
async def test_what_has_not_happened_is_not_recorded(agency: Agency, version: dict[str, Any], pointer: str) -> None:
    shop = await item(agency, await agency.client())
    path = f"{ITEMS}/{shop['configuration_item_id']}/versions"
    problem = await agency.refused(422, "POST", path, json={"label": "2.4.0", **version})
    assert problem["errors"][0]["pointer"] == pointer


@pytest.mark.capability("K78")
async def test_a_change_that_does_not_go_together_with_the_rest_is_flagged_and_told(
    installation: Installation, agency: Agency
) -> None:
    client = await agency.client()
    shop, php = await item(agency, client), await item(agency, client, "PHP", "8.1.31", kind="os_and_patches")
    rule = await agency.make(
        "/v1/compatibility-rules",
        {
            "configuration_item_id": shop["configuration_item_id"],
            "versions": ">=2.4",
            "other_item_id": php["configuration_item_id"],
            "other_versions": ">=8.2",
            "note": {"fr": "La boutique 2.4 demande PHP 8.2.", "en": "Shop 2.4 needs PHP 8.2."},
        },
    )
    path = f"{ITEMS}/{shop['configuration_item_id']}"
    assert (await agency.get(f"{path}/compatibility"))["compatible"]
    before = await agency.get(f"{path}/compatibility", params={"label": "2.4.0"})
    assert not before["compatible"]
    version = await record(agency, shop, "2.4.0")
    (flagged,) = version["incompatibilities"]
    assert flagged == before["incompatibilities"][0]
    assert (flagged["rule_id"], flagged["other_label"]) == (rule["rule_id"], "8.1.31")
    assert flagged["explanation"]["en"].endswith("does not go together with PHP 8.1.31. Shop 2.4 needs PHP 8.2.")
    assert flagged["explanation"]["fr"].endswith("La boutique 2.4 demande PHP 8.2.")
    told = ConfigurationItemChanged.model_validate(
        (await installation.events(shop["configuration_item_id"]))[-1]["data"]
    )
    assert told.held is not None and str(told.held.incompatibilities[0].rule_id) == rule["rule_id"]
    # The other way round: the same rule is broken by what PHP is changed to, and no more once it fits.
    assert (await record(agency, php, "8.1.32"))["incompatibilities"][0]["rule_id"] == rule["rule_id"]
    assert (await record(agency, php, "8.3.0"))["incompatibilities"] == []


@pytest.mark.capability("K40")
async def test_a_version_past_its_support_raises_one_advisory_when_its_last_day_is_over(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    client = await agency.client()
    php = await item(agency, client, "PHP", "8.1.31")
    end = await agency.make(
        "/v1/support-ends",
        {
            "configuration_item_id": php["configuration_item_id"],
            "versions": "8.1.*",
            "end_of_life_on": "2026-06-09",
            "source": "php.net",
        },
    )
    assert (end["raised"], end["look_at"]) == ([], "2026-06-09T22:00:00Z")
    job = DueRegisters(installation.runtime.units)
    await job.run()
    params = {"client_id": client["client_id"]}
    assert (await agency.get("/v1/advisories", params=params))["data"] == []
    clock.advance(timedelta(days=2))
    await job.run()
    await job.run()
    (advisory,) = (await agency.get("/v1/advisories", params=params))["data"]
    assert advisory["kind"] == "end_of_life"
    assert advisory["title"]["fr"] == "PHP 8.1.31 n’est plus maintenu"
    assert "9 juin 2026" in advisory["body"]["fr"] and "9 June 2026" in advisory["body"]["en"]
    AdvisoryIssued.model_validate((await installation.events(advisory["advisory_id"]))[0]["data"])
    await record(agency, php, "8.3.0")
    await record(agency, php, "8.1.30")
    labels = [one["label"] for one in (await agency.get(f"/v1/support-ends/{end['support_end_id']}"))["raised"]]
    assert labels == ["8.1.31", "8.1.30"]


async def test_items_and_rules_of_another_client_cannot_be_named(agency: Agency) -> None:
    shop, other = await item(agency, await agency.client()), await item(agency, await agency.client())
    rule = {
        "configuration_item_id": shop["configuration_item_id"],
        "versions": "*",
        "other_item_id": other["configuration_item_id"],
        "other_versions": "*",
        "note": {"fr": "Non", "en": "No"},
    }
    problem = await agency.refused(422, "POST", "/v1/compatibility-rules", json=rule)
    assert problem["errors"][0]["pointer"] == "#/other_item_id"
    elsewhere = {"client_id": shop["client_id"], "kind": "hardware", "name": "server"}
    site = await agency.site(await agency.client())
    await agency.refused(422, "POST", ITEMS, json={**elsewhere, "site_id": site["site_id"]})


async def test_a_rule_that_is_removed_flags_nothing_any_more_and_its_history_stays(agency: Agency) -> None:
    client = await agency.client()
    shop, php = await item(agency, client), await item(agency, client, "PHP", "8.1")
    rule = await agency.make(
        "/v1/compatibility-rules",
        {
            "configuration_item_id": shop["configuration_item_id"],
            "versions": "*",
            "other_item_id": php["configuration_item_id"],
            "other_versions": "9.*",
            "note": {"fr": "Non", "en": "No"},
        },
    )
    path = f"/v1/compatibility-rules/{rule['rule_id']}"
    await agency.refused(428, "DELETE", path)
    assert (await agency.call("DELETE", path, headers={"If-Match": '"1"'})).status_code == 204
    await agency.refused(404, "GET", path)
    assert (await record(agency, shop, "2.4.0"))["incompatibilities"] == []
    history = await agency.get(f"/v1/register-history/{rule['rule_id']}")
    assert [version["version"] for version in history["data"]] == [1, 2]
    assert history["data"][0]["state"]["other_versions"] == "9.*"
