"""Pages of single sites: agreed beside the page of the contract, at addresses that are nobody else's."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from contracts.jobs.contract_life import DueContracts
from shared.kernel.clock import FixedClock

from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")


def page(site: Any, slug: str) -> dict[str, Any]:
    return {"site_id": site["site_id"], "slug": slug, "name": site["name"]}


async def two_sites(agency: Agency) -> tuple[Any, Any, Any]:
    client = await agency.client()
    return client, await agency.site(client, name="shop"), await agency.site(client, name="booking")


async def over_two_sites(agency: Agency, prefix: str, **values: Any) -> tuple[Any, Any, Any]:
    """A contract with a page for everything and one for each of its sites."""
    client, shop, booking = await two_sites(agency)
    agreed: dict[str, Any] = {
        "site_ids": [shop["site_id"], booking["site_id"]],
        "status_page": {"slug": prefix, "name": "Hôtel du Lac"},
        "site_pages": [page(shop, f"{prefix}-shop"), page(booking, f"{prefix}-booking")],
        **values,
    }
    contract = await agency.make("/v1/contracts", agency.terms(client, shop, "premium", "600.00", **agreed))
    return contract, shop, booking


async def in_force(agency: Agency, contract: Any) -> Any:
    contract = await agency.step(contract, "propose")
    return await agency.step(await both_sign(agency, contract, contract["document"], "sign"), "activate")


async def amended(agency: Agency, contract: Any, terms: Any) -> Any:
    contract = await agency.step(contract, "amendment", terms)
    await both_sign(agency, contract, contract["amendment"]["document"], "amendment/sign")
    return await agency.step(contract, "amendment/apply")


async def both_sign(agency: Agency, contract: Any, document: Any, step: str) -> Any:
    for party in ("agency", "client"):
        contract = await agency.step(contract, step, {"party": party, "document_hash": document["hash"]})
    return contract


def slugs(told: Any) -> list[str]:
    return [each["slug"] for each in told["site_pages"]]


async def test_each_site_has_a_page_beside_that_of_the_contract(installation: Installation, agency: Agency) -> None:
    contract, shop, booking = await over_two_sites(agency, "each")
    contract = await in_force(agency, contract)
    signed = await agency.get(f"/v1/contracts/{contract['contract_id']}/document")
    (told,) = await installation.events(contract["contract_id"])
    for said in (contract["terms"], signed, told["data"]):
        assert said["status_page"]["slug"] == "each"
        assert [(each["site_id"], each["slug"], each["name"]) for each in said["site_pages"]] == [
            (shop["site_id"], "each-shop", "shop"),
            (booking["site_id"], "each-booking", "booking"),
        ]


async def test_a_contract_without_them_is_written_as_it_was_before_there_were_any(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.active()
    signed = await agency.get(f"/v1/contracts/{contract['contract_id']}/document")
    assert "site_pages" not in signed
    assert "site_pages" not in contract["terms"]
    (told,) = await installation.events(contract["contract_id"])
    assert told["data"]["site_pages"] == []


async def test_a_page_of_a_site_is_the_status_page_that_a_plan_promises(agency: Agency) -> None:
    contract, shop, _ = await over_two_sites(agency, "alone", status_page=None)
    assert (await agency.step(contract, "propose"))["status"] == "proposed"
    client = await agency.get(f"/v1/clients/{contract['client_id']}")
    without = await agency.make("/v1/contracts", agency.terms(client, shop, "premium", "600.00", status_page=None))
    refused = await agency.refused(422, "POST", f"/v1/contracts/{without['contract_id']}/propose")
    assert [error["pointer"] for error in refused["errors"]] == ["#/terms/status_page"]


@pytest.mark.parametrize(
    ("which", "slug", "pointer"),
    [
        ("stranger", "wrong-stranger", "#/site_pages/1/site_id"),
        ("shop", "wrong-twice", "#/site_pages/1/site_id"),
        ("booking", "wrong-shop", "#/site_pages/1/slug"),
        ("booking", "wrong", "#/site_pages/1/slug"),
        ("booking", "Not a slug", "#/site_pages/1/slug"),
    ],
)
async def test_a_page_that_cannot_be_is_refused_where_it_stands(
    agency: Agency, which: str, slug: str, pointer: str
) -> None:
    """Of a site that is not under contract, of one that has a page, and at an address of another page."""
    client, shop, booking = await two_sites(agency)
    of = {"shop": shop, "booking": booking, "stranger": await agency.site(client, name="stranger")}[which]
    terms = agency.terms(
        client,
        shop,
        "premium",
        "600.00",
        site_ids=[shop["site_id"], booking["site_id"]],
        status_page={"slug": "wrong", "name": "Hôtel du Lac"},
        site_pages=[page(shop, "wrong-shop"), page(of, slug)],
    )
    refused = await agency.refused(422, "POST", "/v1/contracts", json=terms)
    assert [error["pointer"] for error in refused["errors"]] == [pointer]


async def test_an_address_that_another_client_has_is_named(installation: Installation, agency: Agency) -> None:
    contract, _, _ = await over_two_sites(agency, "mine")
    await agency.step(contract, "propose")
    other = await installation.agency("Another agency")
    rival, shop, booking = await over_two_sites(other, "theirs")
    path = f"/v1/contracts/{rival['contract_id']}"
    pages = [page(shop, "theirs-shop"), page(booking, "mine-booking")]
    await other.call("PATCH", path, json={"site_pages": pages}, headers={"If-Match": "*"})
    refused = await other.refused(409, "POST", f"{path}/propose")
    assert "mine-booking" in refused["detail"]
    await agency.step(contract, "withdraw")
    assert (await other.step(rival, "propose"))["status"] == "proposed"


async def test_contracts_of_one_client_may_share_the_address_of_a_site(
    installation: Installation, agency: Agency
) -> None:
    first, _, booking = await over_two_sites(agency, "ours")
    await agency.step(first, "propose")
    client = await agency.get(f"/v1/clients/{first['client_id']}")
    terms = agency.terms(client, booking, "premium", "600.00", status_page=None, site_pages=[page(booking, "ours")])
    second = await agency.step(await agency.make("/v1/contracts", terms), "propose")
    await agency.step(first, "withdraw")
    other = await installation.agency("Another agency")
    rival = await other.draft(status_page={"slug": "ours", "name": "Rival"})
    await other.refused(409, "POST", f"/v1/contracts/{rival['contract_id']}/propose")
    await agency.step(second, "withdraw")
    await other.step(rival, "propose")


async def test_an_amendment_adds_and_drops_pages_and_what_is_dropped_is_free(
    installation: Installation, agency: Agency
) -> None:
    contract, shop, booking = await over_two_sites(agency, "moves", site_pages=[])
    contract = await in_force(agency, contract)
    one = page(shop, "moves-shop")
    contract = await amended(agency, contract, {"site_pages": [one, page(booking, "moves-booking")]})
    assert slugs(contract["terms"]) == ["moves-shop", "moves-booking"]
    contract = await amended(agency, contract, {"site_pages": [one]})
    told = await installation.events(contract["contract_id"])
    assert [slugs(each["data"]) for each in told] == [[], ["moves-shop", "moves-booking"], ["moves-shop"]]
    other = await installation.agency("Another agency")
    rival = await other.draft(status_page={"slug": "moves-booking", "name": "Free"})
    await other.step(rival, "propose")
    taken = await other.draft(status_page={"slug": "moves-shop", "name": "Not free"})
    await other.refused(409, "POST", f"/v1/contracts/{taken['contract_id']}/propose")
    await amended(agency, contract, {"site_pages": None})
    await other.step(taken, "propose")


async def test_an_amendment_that_is_withdrawn_gives_back_only_what_it_added(
    installation: Installation, agency: Agency
) -> None:
    contract, shop, booking = await over_two_sites(agency, "back", site_pages=[])
    contract = await amended(agency, await in_force(agency, contract), {"site_pages": [page(shop, "back-shop")]})
    pages = [page(shop, "back-shop"), page(booking, "back-booking")]
    await agency.step(contract, "amendment", {"site_pages": pages})
    other = await installation.agency("Another agency")
    added = await other.draft(status_page={"slug": "back-booking", "name": "Free in the end"})
    await other.refused(409, "POST", f"/v1/contracts/{added['contract_id']}/propose")
    await agency.step(contract, "amendment/withdraw")
    await other.step(added, "propose")
    for slug in ("back", "back-shop"):
        taken = await other.draft(status_page={"slug": slug, "name": "Not free"})
        await other.refused(409, "POST", f"/v1/contracts/{taken['contract_id']}/propose")


async def test_an_address_in_force_stays_that_of_its_site(agency: Agency) -> None:
    contract, shop, booking = await over_two_sites(agency, "stays")
    contract = await in_force(agency, contract)
    path = f"/v1/contracts/{contract['contract_id']}/amendment"
    shop_page, booking_page = page(shop, "stays-shop"), page(booking, "stays-booking")
    everything = {"slug": "stays-booking", "name": "Hôtel du Lac"}
    wrong: list[tuple[Any, str]] = [
        ({"site_pages": [page(shop, "elsewhere"), booking_page]}, "#/site_pages/0/slug"),
        ({"site_pages": [page(booking, "stays-shop")]}, "#/site_pages/0/slug"),
        ({"site_pages": [page(shop, "stays-booking"), page(booking, "stays-shop")]}, "#/site_pages/0/slug"),
        ({"site_pages": [shop_page], "status_page": everything}, "#/status_page/slug"),
        ({"site_ids": [shop["site_id"]]}, "#/site_pages/1/site_id"),
    ]
    for terms, pointer in wrong:
        refused = await agency.refused(422, "POST", path, json=terms)
        assert [error["pointer"] for error in refused["errors"]] == [pointer]
    renamed = {**shop_page, "name": "The shop", "colours": {"primary": "#7c2d12"}}
    contract = await amended(agency, contract, {"site_pages": [renamed, booking_page]})
    assert contract["terms"]["site_pages"][0]["name"] == "The shop"
    left = await amended(agency, contract, {"site_ids": [shop["site_id"]], "site_pages": [renamed]})
    assert slugs(left["terms"]) == ["stays-shop"]


async def test_documents_name_the_sites_of_pages_and_an_amendment_by_one_may_drop_them(
    installation: Installation, agency: Agency
) -> None:
    yaml = {"Content-Type": "application/yaml"}

    async def sent(who: Agency, how: str, text: str) -> Any:
        answer: httpx.Response = await who.call(
            "POST", f"/v1/contract-documents/{how}", content=text.encode(), headers=yaml
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    contract, _, _ = await over_two_sites(agency, "written")
    text = (await agency.call("GET", f"/v1/contracts/{contract['contract_id']}/export")).text
    assert "site: booking" in text
    assert (await sent(agency, "plan", text))["changed"] is False
    other = await installation.agency("Another agency")
    there = await sent(other, "apply", text)
    copied = await other.get(f"/v1/contracts/{there['contract']['contract_id']}")
    assert slugs(copied["terms"]) == ["written-shop", "written-booking"]
    contract = await in_force(agency, contract)
    without = text.partition("  site_pages:\n")[0] + "  signatories:\n" + text.partition("  signatories:\n")[2]
    dropped = await sent(agency, "apply", without)
    assert [each["action"] for each in dropped["operations"]] == ["propose_amendment"]
    proposed = (await agency.get(f"/v1/contracts/{contract['contract_id']}"))["amendment"]
    assert "site_pages" not in proposed["terms"]


async def test_the_contract_in_plain_words_says_what_each_page_shows(agency: Agency) -> None:
    contract, _, _ = await over_two_sites(agency, "words")
    path = f"/v1/contracts/{contract['contract_id']}/papers/plain-terms"

    async def said(language: str) -> list[str]:
        paper = await agency.get(path, headers={"Accept-Language": language})
        (section,) = [each for each in paper["sections"] if each["code"] == "status_pages"]
        return [item.replace("\u00a0", " ") for item in section["items"]]

    assert await said("en") == [
        "“Hôtel du Lac” shows everything under this contract (address: words).",
        "“shop” shows shop and nothing else (address: words-shop).",
        "“booking” shows booking and nothing else (address: words-booking).",
    ]
    assert (await said("fr"))[1] == "« shop » ne montre que shop (adresse : words-shop)."


async def test_pages_of_amendments_that_are_to_come_keep_their_addresses(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    """On the 15th a page is added; meanwhile an amendment waits that adds another from the 20th on and drops one."""
    contract, shop, booking = await over_two_sites(agency, "dated", status_page=None, site_pages=[])
    path = f"/v1/contracts/{contract['contract_id']}"
    shop_page, booking_page = page(shop, "dated-shop"), page(booking, "dated-booking")
    await agency.call("PATCH", path, json={"site_pages": [shop_page]}, headers={"If-Match": "*"})
    contract = await in_force(agency, contract)
    await amended(agency, contract, {"site_pages": [shop_page, booking_page], "effective_on": "2026-06-15"})
    everything = {"status_page": {"slug": "dated", "name": "Hôtel du Lac"}, "site_pages": [booking_page]}
    waiting = await agency.step(contract, "amendment", {**everything, "effective_on": "2026-06-20"})
    other = await installation.agency("Another agency")
    rivals = {
        slug: await other.draft(status_page={"slug": slug, "name": "Rival"})
        for slug in ("dated", "dated-shop", "dated-booking")
    }

    async def free() -> list[str]:
        """The addresses that another agency could have; it does not keep them."""
        found = []
        for slug, rival in rivals.items():
            answer = await other.call("POST", f"/v1/contracts/{rival['contract_id']}/propose")
            if answer.status_code == 200:
                found.append(slug)
                await other.step(rival, "withdraw")
        return found

    async def on(day: int) -> list[str]:
        """The pages of sites once the worker has looked on a day of June."""
        clock.set(datetime(2026, 6, day, 6, tzinfo=UTC))
        await DueContracts(installation.runtime.units).run()
        return slugs((await agency.get(path))["terms"])

    assert await free() == []
    assert await on(15) == ["dated-shop", "dated-booking"]
    assert await free() == []
    await agency.step(contract, "amendment/withdraw")
    assert await free() == ["dated"]
    again = await agency.step(contract, "amendment", {**everything, "effective_on": "2026-06-20"})
    assert again["amendment"]["terms"] == waiting["amendment"]["terms"]
    await both_sign(agency, again, again["amendment"]["document"], "amendment/sign")
    await agency.step(contract, "amendment/apply")
    assert await free() == []
    assert await on(20) == ["dated-booking"]
    assert await free() == ["dated-shop"]
