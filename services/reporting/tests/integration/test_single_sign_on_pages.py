"""Status pages for those who sign in: at our address and on the client's own domain, and everything that lies below."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from reporting.adapters.status_subscriptions import StatusSubscription
from shared.ids import new_id
from shared.testing.openid_provider import OpenIdProvider

from .sso_world import Browser, World, contracts_running
from .test_portal_pages import Page
from .test_webhook_filters import named_client

PAGE = "/status/boulangerie-martin"
DOMAIN = "status.boulangerie-martin.example"
SHOWN = "boulangerie-martin.example"
"""What only the page itself says."""
EVERYTHING = ["", ".json", "/feed.atom", "/feed.json", "/maintenance.ics", "/badge.svg", "/api/v2/summary.json"]


@pytest.fixture
async def world(start_service: Any, serve: Any, story: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr("reporting.adapters.own_domains.FRESH_SECONDS", 0.0)
    with contracts_running() as contracts:
        service = await start_service(portal_secret="s" * 40, contracts_url=contracts.url)
        await service.hear(*story.golden_june()[:5])
        with OpenIdProvider(service.clock.now) as provider:
            provider.account = {"email": "baker@martin.example", "email_verified": True}
            yield World(service, await serve(service), story, contracts, provider)


async def shows(browser: Browser, address: str = PAGE, host: str | None = None) -> bool:
    answer = await browser.get(address, host=host)
    assert answer.status_code in (200, 401, 403), answer.text
    return answer.status_code == 200 and SHOWN in answer.text


@pytest.mark.capability("R04")
async def test_a_page_for_those_who_sign_in_tells_nothing_to_others(world: World) -> None:
    await world.close_page(await world.trust(), admitted_domains=["martin.example"])
    stranger = world.browser()
    asked = await stranger.get(PAGE)
    assert asked.status_code == 403
    assert "Sign in with Martin SA" in asked.text
    assert SHOWN not in asked.text
    assert Page(asked.text).faults() == []
    component = await stranger.get(f"{PAGE}/components/{world.story.environment_id}")
    assert component.status_code == 403
    assert 'href="../sso"' in component.text
    assert "Sign in with Martin SA" in component.text
    assert 'type="password"' not in component.text
    assert SHOWN not in component.text
    async with world.service.client() as program:
        for path in EVERYTHING:
            refused = await program.get(f"{PAGE}{path}")
            assert refused.status_code == 401, path
            assert SHOWN not in refused.text
            assert "Basic" not in refused.headers["www-authenticate"]
        assert (await program.post(f"{PAGE}/subscribe", data={"email": "a@b.example"})).status_code == 401

    browser = world.browser()
    assert (await browser.led(f"{PAGE}/sso")).url.path == PAGE
    assert await shows(browser)
    for path in EVERYTHING:
        answer = await browser.get(f"{PAGE}{path}")
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "private, no-cache"
    assert set(browser.cookies[browser.host, "upheld_page"]) == {PAGE, f"{PAGE}.json"}
    world.service.clock.advance(timedelta(hours=12))
    assert not await shows(browser)


@pytest.mark.capability("R04")
async def test_a_page_admits_people_of_its_client_and_of_the_domains_that_it_names(
    world: World, another_story: Any
) -> None:
    await world.close_page(await world.trust(), admitted_domains=["martin.example"])
    world.contracts.let_in(world.story, "lea@webmail.example")
    world.contracts.let_in(world.story, "boss@hotel.example", client_id=new_id())
    world.contracts.let_in(another_story(), "boss@victim.example")
    for email, admitted in (
        ("baker@martin.example", True),
        ("Baker@MARTIN.example", True),
        ("lea@webmail.example", True),
        ("boss@hotel.example", False),
        ("boss@victim.example", False),
        ("nobody@sub.martin.example", False),
        ("nobody@evilmartin.example", False),
    ):
        world.provider.account = {"email": email, "email_verified": True}
        browser = world.browser()
        answer = await browser.led(f"{PAGE}/sso")
        assert await shows(browser) is admitted, email
        if not admitted:
            assert "Nobody has let you in yet" in answer.text
            assert f'href="{PAGE}/sso?account=other"' in answer.text
            assert Page(answer.text).faults() == []
    world.provider.account = {"email": "baker@martin.example", "email_verified": False}
    browser = world.browser(language="fr")
    refused = await browser.led(f"{PAGE}/sso")
    assert "n’est pas vérifiée" in refused.text
    assert not await shows(browser)
    asked = await browser.get(f"{PAGE}/sso?account=other")
    assert "prompt=select_account" in asked.headers["location"]


@pytest.mark.capability("R03")
async def test_on_the_clients_own_domain_all_of_it_happens_there(world: World) -> None:
    async with world.service.runtime.units.for_every_tenant() as unit:
        await unit.session.execute(
            text(
                "insert into reporting.status_page (tenant_id, slug, client_id, version, settings, domain,"
                " domain_token, domain_verified_at, updated_at) values (:tenant, :slug, :client, 1, '{}', :domain, 't',"
                " now(), now())"
            ),
            {
                "tenant": world.story.tenant_id,
                "slug": world.story.slug,
                "client": world.story.client_id,
                "domain": DOMAIN,
            },
        )
    trusted = await world.trust()
    await world.close_page(trusted, admitted_domains=["martin.example"])
    assert f"https://{DOMAIN}/sso/callback" in world.provider.redirect_uris
    browser = world.browser(host=DOMAIN)
    form = await browser.get("/")
    assert form.status_code == 403
    assert 'href="./sso"' in form.text
    page = await browser.led("/sso")
    assert (page.status_code, SHOWN in page.text) == (200, True)
    assert page.request.headers["host"] == DOMAIN
    assert {host for host, _ in browser.cookies} == {DOMAIN}
    (asked,) = world.provider.answers_to("/authorize")
    assert asked["redirect_uri"] == f"https://{DOMAIN}/sso/callback"

    elsewhere = world.browser()
    elsewhere.cookies = {(elsewhere.host, name): dict(values) for (_, name), values in browser.cookies.items()}
    back = await world.browser(host=DOMAIN).way_back("/sso")
    assert (await elsewhere.get(back.replace(f"https://{DOMAIN}", PAGE))).status_code == 400, "begun on another host"
    world.provider.account = {"email": "nobody@else.example", "email_verified": True}
    refused = await world.browser(host=DOMAIN).led("/sso")
    assert refused.status_code == 403
    assert 'href="/sso?account=other"' in refused.text


async def test_a_password_that_the_page_once_had_opens_nothing(world: World) -> None:
    async with world.service.client(world.story) as agency:
        body = {"audience": "password", "password": "pain au levain"}
        address = f"/v1/status-pages/{world.story.slug}"
        await agency.patch(address, json=body, headers={"if-match": "*"})
    before = world.browser()
    await before.post(f"{PAGE}/enter", "password=pain+au+levain")
    assert await shows(before)
    await world.close_page(await world.trust())
    assert not await shows(before)
    await before.post(f"{PAGE}/enter", "password=pain+au+levain")
    assert not await shows(before)
    async with world.service.client() as program:
        answer = await program.get(f"{PAGE}.json", auth=("reader", "pain au levain"))
        assert answer.status_code == 401


async def test_a_change_of_the_provider_or_of_who_is_admitted_ends_every_visit(world: World) -> None:
    trusted = await world.trust()
    await world.close_page(trusted, admitted_domains=["martin.example"])

    async def visiting() -> Browser:
        browser = world.browser()
        await browser.led(f"{PAGE}/sso")
        assert await shows(browser)
        return browser

    visitor = await visiting()
    await world.close_page(trusted, admitted_domains=["martin.example", "else.example"])
    assert not await shows(visitor)
    visitor = await visiting()
    await world.change(trusted, allowed_domains=["martin.example"])
    assert not await shows(visitor)
    visitor = await visiting()
    await world.change(trusted, enabled=False)
    assert not await shows(visitor)
    asked = await visitor.get(PAGE)
    assert "Ask your agency how to get in now" in asked.text
    assert (await visitor.get(f"{PAGE}/sso")).status_code == 404
    async with world.service.client(world.story) as agency:
        address = f"/v1/identity-providers/{trusted['identity_provider_id']}"
        refused = await agency.delete(address, headers={"if-match": "*"})
        assert refused.status_code == 409
        assert world.story.slug in refused.json()["detail"]


async def subscribe(world: World, email: str) -> None:
    """Somebody who may read the page has asked to be told of it, and confirmed."""
    async with world.service.runtime.units.for_tenant(world.story.tenant_id) as unit:
        unit.session.add(
            StatusSubscription(
                subscription_id=new_id(),
                tenant_id=world.story.tenant_id,
                client_id=world.story.client_id,
                slug=world.story.slug,
                email=email,
                language="fr",
                asked_at=unit.now,
                confirmed_at=unit.now,
                closed_at=None,
            )
        )


async def told(world: World) -> set[str]:
    async with world.service.runtime.units.for_tenant(world.story.tenant_id) as unit:
        confirmed = StatusSubscription.confirmed_at.is_not(None)
        return set(await unit.session.scalars(select(StatusSubscription.email).where(confirmed)))


@pytest.mark.parametrize(
    ("page", "provider", "stays"),
    [
        ({"name": "Martin en direct"}, {"name": "Martin & fils"}, True),
        ({"admitted_domains": ["else.example", "martin.example"]}, {}, True),
        ({"admitted_domains": ["else.example"]}, {}, False),
        ({"identity_provider_id": "another"}, {}, False),
        ({"audience": "password", "password": "pain au levain"}, {}, False),
        ({}, {"enabled": False}, False),
        ({}, {"allowed_domains": ["martin.example"]}, False),
        ({"audience": "public"}, {"enabled": False}, True),
    ],
)
async def test_who_is_told_of_a_page_is_told_no_more_when_others_are_admitted(
    world: World, page: dict[str, Any], provider: dict[str, Any], stays: bool
) -> None:
    contact = {"contact_id": str(new_id()), "name": "Léa", "email": "lea@martin.example", "language": "fr", "roles": []}
    now = world.service.clock.now()
    await world.service.hear(world.story.contract("amended", now - timedelta(hours=1), contacts=[contact]))
    trusted = await world.trust()
    another = await world.trust(name="Another")
    await world.close_page(trusted, admitted_domains=["martin.example", "else.example"])
    await subscribe(world, "lea@martin.example")
    await subscribe(world, "paul@else.example")
    if page.get("identity_provider_id"):
        page = page | {"identity_provider_id": another["identity_provider_id"]}
    async with world.service.client(world.story) as agency:
        address = f"/v1/status-pages/{world.story.slug}"
        answer = await agency.patch(address, json=page, headers={"if-match": "*"})
        assert answer.status_code == 200, answer.text
    assert (await world.change(trusted, **provider)).status_code == 200
    assert await told(world) == {"lea@martin.example"} | ({"paul@else.example"} if stays else set())


async def test_a_page_takes_a_provider_of_its_client_or_of_its_agency_only(world: World, another_story: Any) -> None:
    stranger = another_story(slug="autre-agence")
    await world.service.hear(*stranger.golden_june()[:5])
    theirs = await world.trust(stranger)
    other_client = another_story(tenant_id=world.story.tenant_id, slug="autre-client")
    await world.service.hear(*other_client.golden_june()[:5], named_client(world.service, other_client))
    of_other = await world.trust(client_id=str(other_client.client_id))
    async with world.service.client(world.story) as agency:
        for wrong in (None, str(new_id()), theirs["identity_provider_id"], of_other["identity_provider_id"]):
            body = {"audience": "single_sign_on", "identity_provider_id": wrong}
            address = f"/v1/status-pages/{world.story.slug}"
            answer = await agency.patch(address, json=body, headers={"if-match": "*"})
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/identity_provider_id")
    assert await shows(world.browser()), "it stayed public"


async def test_a_page_for_everybody_needs_no_sign_in(world: World) -> None:
    browser = world.browser()
    for path in (f"{PAGE}/sso", f"{PAGE}/sso/callback?code=x&state=y"):
        answer = await browser.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert (await browser.get("/status/nowhere/sso")).status_code == 404
    assert (await browser.get("/status/nowhere/sso/callback")).status_code == 404


async def moved(world: World, another_story: Any) -> Any:
    """The address of the page is another client's of the agency from now on."""
    hotel = another_story(tenant_id=world.story.tenant_id, client_name="Hôtel des Quais", site_name=SHOWN)
    now = world.service.clock.now()
    await world.service.hear(world.story.contract("terminated", now), hotel.contract("activated", now))
    return hotel


async def test_who_was_let_in_for_one_client_reads_nothing_of_the_next_at_the_same_address(
    world: World, another_story: Any
) -> None:
    trusted = await world.trust()
    await world.close_page(trusted)
    world.contracts.let_in(world.story, "lea@webmail.example")
    world.provider.account = {"email": "lea@webmail.example", "email_verified": True}
    browser = world.browser()
    await browser.led(f"{PAGE}/sso")
    assert await shows(browser)
    await moved(world, another_story)
    await world.close_page(trusted)
    assert not await shows(browser)
    await browser.led(f"{PAGE}/sso")
    assert not await shows(browser)


async def test_a_provider_of_a_page_whose_address_moved_closes_nobody_out_and_can_be_deleted(
    world: World, another_story: Any
) -> None:
    trusted = await world.trust()
    await world.close_page(trusted, admitted_domains=["martin.example"])
    address = f"/v1/identity-providers/{trusted['identity_provider_id']}"
    world.story = await moved(world, another_story)
    await subscribe(world, "paul@else.example")
    assert (await world.change(trusted, enabled=False)).status_code == 200
    assert await told(world) == {"paul@else.example"}
    async with world.service.client(world.story) as agency:
        assert not [each for each in (await agency.get(address)).json()["redirect_uris"] if PAGE in each]
        assert (await agency.delete(address, headers={"if-match": "*"})).status_code == 204
