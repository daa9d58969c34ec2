"""What contracts promise, over days and months that pass at once: a product of its own whose clock is put forward."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import httpx
import pytest
from babel.dates import format_date

from shared.testing.running_stack import RunningStack, Tenant, running_stack_over
from shared.testing.servers import running_nats, running_postgres
from shared.testing.small_site import SmallSite

from . import before_signing, contract_invoices
from .thread_client import CLIENT_ZONE, SignedContract, ThreadClient, eventually, printed, unbroken

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Passing:
    """A product whose clock only ever goes forward, and an agency that uses it."""

    def __init__(self, stack: RunningStack, agency: Tenant) -> None:
        self._stack = stack
        self._agency = agency
        self._ahead = timedelta()

    def now(self) -> datetime:
        """What the services' clock says, as the client's wall shows it."""
        return self._stack.clock.now().astimezone(CLIENT_ZONE)

    def until(self, instant: datetime) -> None:
        """Wait for this instant, without waiting."""
        # In UTC: two times of one zone differ by what its clocks show, whatever summer time did in between.
        self._ahead += instant.astimezone(UTC) - self._stack.clock.now()
        self._stack.shift_clock(self._ahead)

    def until_next(self, weekday: str, hour: int, minute: int = 0) -> datetime:
        """The next such day after today at this time of the client's zone, which it is then."""
        today = self.now().date()
        days = (WEEKDAYS.index(weekday) - today.weekday() - 1) % 7 + 1
        instant = datetime.combine(today + timedelta(days=days), time(hour, minute), CLIENT_ZONE)
        self.until(instant)
        return instant

    def until_first_of_next_month(self) -> datetime:
        """The first hour of the client's next month, which it is then."""
        instant = datetime.combine((self.now().replace(day=1) + timedelta(days=32)).date(), time(), CLIENT_ZONE)
        first = instant.replace(day=1)
        self.until(first + timedelta(minutes=1))
        return first

    def restart(self, service: str) -> None:
        """What a service looks after once in minutes it looks after when it starts."""
        self._stack.kill_service(service)
        self._stack.start_service(service)

    def token(self, key: tuple[str, str]) -> str:
        """A token of this hour for whoever has this key."""
        return self._stack.token_for(*key)

    @contextmanager
    def owner(self) -> Iterator[ThreadClient]:
        """The agency's owner, with a token of this hour."""
        with ThreadClient(self._stack, self._stack.token(self._agency)) as thread:
            yield thread


@pytest.fixture(scope="module")
def passing() -> Iterator[Passing]:
    with running_postgres() as postgres, running_nats() as nats, running_stack_over(postgres, nats) as stack:
        yield Passing(stack, stack.new_tenant("Agency of all seasons"))


@pytest.mark.capability("X02")
def test_a_ticket_of_friday_evening_that_is_answered_on_monday_morning_is_in_time(passing: Passing) -> None:
    with passing.owner() as owner:
        contract = owner.activate_contract(
            owner.create_client("Boulangerie"),
            [("Boulangerie", "https://boulangerie.example/")],
            plan="basique",
            price="150.00",
        )
        opened = passing.until_next("friday", 20, 30)
    with passing.owner() as owner:
        ticket = {"contract_id": contract.contract_id, "title": "The oven page is empty", "severity": "critical"}
        incident = owner.post("incidents", "/v1/incidents", ticket)
        (response,) = [clock for clock in incident["clocks"] if clock["metric"] == "response"]
        monday = opened + timedelta(days=3)
        due = datetime.fromisoformat(response["due_at"]).astimezone(CLIENT_ZONE)
        assert (due.date(), due.hour, due.minute) == (monday.date(), 13, 0), "four hours from nine o'clock on Monday"
    passing.until_next("monday", 11, 15)
    with passing.owner() as owner:
        answered = owner.act(incident["incident_id"], "acknowledge")
        (response,) = [clock for clock in answered["clocks"] if clock["metric"] == "response"]
        assert response["verdict"] == "met"
        assert 2.25 * 3600 <= response["elapsed_seconds"] < 2.25 * 3600 + 60, "a weekend is no time at all"


@pytest.mark.capability("X05")
def test_a_prospect_that_does_not_fit_comes_by_a_diagnostic_to_a_change_within_its_window(passing: Passing) -> None:
    with passing.owner() as owner:
        client = owner.create_client("Clinique")
        first = before_signing.assessment(client) | {"business_owner_contact_id": contact_of(owner, client)}
        unfit = first | {"answers": first["answers"] | {"not_stabilized": True}}
        assert owner.post("contracts", "/v1/assessments", unfit)["verdict"] == "diagnostic_first"
        planned = owner.post("contracts", "/v1/engagements", before_signing.engagement(client))
        engagement = f"/v1/engagements/{planned['engagement_id']}"
        for party in ("/v1/tenant/party", f"/v1/clients/{client}/party"):
            owner.call("PUT", "contracts", party, before_signing.PARTY, headers={"If-Match": "*"})
        draft = owner.post("contracts", "/v1/contracts", before_signing.level_two(owner, client))
        contract = f"/v1/contracts/{draft['contract_id']}"
        assert "#/engagements" in missing(owner, f"{contract}/propose"), "the diagnostic is open"

        owner.post("contracts", f"{engagement}/begin-phase", {"number": 1})
        owner.post("contracts", f"{engagement}/complete-phase", before_signing.DONE)
        assert owner.post("contracts", "/v1/assessments", first)["verdict"] == "fit"
        assert owner.get("contracts", f"{contract}/readiness")["missing"] == []
        proposed = owner.post("contracts", f"{contract}/propose")
        for party in ("agency", "client"):
            consent = {"party": party, "document_hash": proposed["document"]["hash"]}
            owner.post("contracts", f"{contract}/sign", consent)
        owner.post("contracts", f"{contract}/activate")
        assert owner.get("contracts", engagement)["phases"][1]["state"] == "begun", "support has begun"

        evolution = {"contract_id": draft["contract_id"], "title": "Export appointments"}
        drafted = eventually(lambda: taken(owner, "/v1/changes", evolution), 20, "incidents knows the contract")
        change_id = drafted["item_id"]
        change = f"/v1/changes/{change_id}"
        tomorrow = datetime.combine(passing.now().date() + timedelta(days=1), time(10), CLIENT_ZONE)
        window = {"from": tomorrow.isoformat(), "to": (tomorrow + timedelta(hours=2)).isoformat()}
        owner.post("incidents", f"{change}/scope", {"scope": "One export a night."})
        owner.post("incidents", f"{change}/estimate", {"minutes": 90, "window": window})
        with owner.speaking_as(owner.decider_of(client)) as decider:
            decider.post("incidents", f"{change}/approve")
        with pytest.raises(httpx.HTTPStatusError, match="another window"):
            owner.post("incidents", f"{change}/deploy", {"version": "2.0.0"})
    passing.until(tomorrow + timedelta(minutes=30))
    with passing.owner() as owner:
        deploying = owner.post("incidents", f"{change}/deploy", {"version": "2.0.0"})
        assert deploying["status"] == "deploying"
        owner.post("incidents", f"{change}/finish-deployment", {"result": "succeeded"})
        with owner.speaking_as(owner.decider_of(client)) as decider:
            assert decider.post("incidents", f"{change}/accept")["status"] == "accepted"


def contact_of(owner: ThreadClient, client_id: str) -> str:
    (contact,) = owner.get("contracts", f"/v1/clients/{client_id}")["contacts"]
    return str(contact["contact_id"])


def taken(owner: ThreadClient, path: str, body: Any) -> Any:
    """The answer of incidents, or None while it does not know the contract yet."""
    try:
        return owner.post("incidents", path, body)
    except httpx.HTTPStatusError as refused:
        if refused.response.status_code in (404, 422):
            return None
        raise


def missing(owner: ThreadClient, path: str) -> list[str]:
    """Where a contract that cannot be proposed lacks something."""
    with pytest.raises(httpx.HTTPStatusError) as refused:
        owner.post("contracts", path)
    problem: dict[str, Any] = refused.value.response.json()
    return [error["pointer"] for error in problem["errors"]]


@pytest.mark.capability("X10", "P04")
def test_from_the_day_of_an_amendment_probes_targets_price_and_hours_are_others_and_never_before(
    passing: Passing, small_site: SmallSite
) -> None:
    first = passing.until_first_of_next_month()
    fifteenth = first + timedelta(days=14)
    with passing.owner() as owner:
        contract = owner.activate_contract(
            owner.create_client("Auberge"),
            [("Auberge", small_site.url("/auberge"))],
            plan="basique",
            price="150.00",
            starts_on=first.date().isoformat(),
            hours=hours(600),
        )
        path = f"/v1/contracts/{contract.contract_id}"
        change = {"plan_code": "premium", "price": {"amount": "600.00"}, "effective_on": f"{fifteenth:%Y-%m-%d}"}
        sign_amendment(owner, path, change | {"hours": {"lines": lines(1200)}})
        assert interval(owner, contract) == 180
        effective = {
            instant: owner.get("contracts", f"{path}/effective", at=instant.isoformat())
            for instant in (first + timedelta(days=1), fifteenth - timedelta(seconds=1), fifteenth)
        }
        assert [each["state"]["plan"]["code"] for each in effective.values()] == ["basique", "basique", "premium"]

    passing.until(fifteenth - timedelta(minutes=10))
    with passing.owner() as owner:
        assert interval(owner, contract) == 180, "a plan signed for later changes nothing now"
        assert response_target(owner, contract) == 4 * 3600
    passing.until(fifteenth + timedelta(seconds=1))
    with passing.owner() as owner:
        eventually(lambda: True if interval(owner, contract) == 30 else None, 30, "the probes follow the amendment")
        eventually(lambda: True if response_target(owner, contract) == 1800 else None, 20, "the clocks follow it")

    after = passing.until_first_of_next_month()
    days = (after.date() - first.date()).days
    with passing.owner() as owner:
        settled = owner.post(
            "contracts", "/v1/settlements", {"contract_id": contract.contract_id, "on": f"{first:%Y-%m-%d}"}
        )
        fees = [line["amount"] for line in settled["content"]["lines"] if line["kind"] == "fee"]
        basique, premium = Fraction(150 * 14, days), Fraction(600 * (days - 14), days)
        assert fees == [f"{cents(basique)}", f"{cents(premium)}"]
        month = owner.get("contracts", f"{path}/hours", month=f"{first:%Y-%m}")
        assert month["included_minutes"] == whole_minutes(Fraction(600 * 14 + 1200 * (days - 14), days))


@pytest.mark.capability("X07")
def test_clients_of_three_zones_two_languages_and_two_currencies_are_each_served_in_their_own(passing: Passing) -> None:
    """The same Monday ticket, month and invoice for a hotel in Paris, one in Tokyo and one in New York."""
    first = passing.until_first_of_next_month()
    passing.until(first + timedelta(hours=12))  # by now the first has come to New York, too
    with passing.owner() as owner:
        in_yen = {"minimum": "10000", "maximum": "50000", "currency": "JPY"}
        plan = {"catalogue": "abroad", "code": "abroad", "title": {"fr": "Japon", "en": "Japan"}, "price": in_yen}
        owner.post("contracts", "/v1/plans", plan | {"extends": "basique", "deliverables": []})
        contracts = {
            place.zone: owner.activate_contract(
                client_abroad(owner, place),
                [(place.name, f"https://{place.country.lower()}.example/")],
                plan="abroad" if place.currency == "JPY" else "basique",
                price=place.price,
                currency=place.currency,
                response=office_hours(owner, place),
                starts_on=f"{first:%Y-%m-%d}",
                commercial={
                    "billing": ["flat"],
                    "tax": {"category": place.vat, "rate": "20" if place.vat == "S" else "0"},
                },
            )
            for place in PLACES
        }
    # Monday, two in the morning in Paris: Tokyo has opened, New York has Sunday evening.
    monday = passing.until_next("monday", 2)
    with passing.owner() as owner:
        for place in PLACES:
            ticket = {
                "contract_id": contracts[place.zone].contract_id,
                "title": "Nobody can book",
                "severity": "critical",
            }
            incident = owner.post("incidents", "/v1/incidents", ticket)
            (response,) = [clock for clock in incident["clocks"] if clock["metric"] == "response"]
            zone = ZoneInfo(place.zone)
            at_nine = datetime.combine(monday.date(), time(9), zone)
            promised = max(at_nine.astimezone(UTC), monday.astimezone(UTC)) + timedelta(hours=4)
            late = datetime.fromisoformat(response["due_at"]) - promised
            assert timedelta() <= late < timedelta(minutes=1), "four hours of the client's working day"
    passing.until_first_of_next_month()
    passing.until(passing.now() + timedelta(days=1))
    with passing.owner() as owner:
        owner.call("PUT", "contracts", "/v1/tenant/party", contract_invoices.PARTY, headers={"If-Match": "*"})
        owner.call("PUT", "contracts", "/v1/tenant/invoicing", contract_invoices.INVOICING, headers={"If-Match": "*"})
        for place in PLACES:
            contract = contracts[place.zone]
            told = {"contract_id": contract.contract_id, "on": f"{first + timedelta(days=9):%Y-%m-%d}"}
            settlement = owner.post("contracts", "/v1/settlements", told)
            path = f"/v1/settlements/{settlement['settlement_id']}"
            for step in ("review", "close"):
                owner.post("contracts", f"{path}/{step}")
            party = contract_invoices.PARTY if place.country == "FR" else place.party()
            owner.call("PUT", "contracts", f"/v1/clients/{contract.client_id}/party", party, headers={"If-Match": "*"})
            rate = {"exchange_rate": "0.0061"} if place.currency == "JPY" else {}
            invoice = owner.post("contracts", f"{path}/invoice", rate)
            assert (invoice["language"], invoice["currency"], invoice["net"]) == (
                place.language,
                place.currency,
                place.price,
            )
            month = owner.get("reporting", f"/v1/contracts/{contract.contract_id}/reports/{first:%Y-%m}")
            end = datetime.fromisoformat(month["to"]).astimezone(ZoneInfo(place.zone))
            assert (month["language"], month["complete"]) == (place.language, True)
            assert (end.day, end.hour, end.minute) == (1, 0, 0), "a month is the client's"
            read_in_his_language(owner, place, contract, f"{first:%Y-%m}", invoice)


class Place(NamedTuple):
    """A client, and what is his own there."""

    name: str
    country: str
    zone: str
    language: str
    currency: str
    price: str
    vat: str
    shown: str
    """The price as the client reads it."""

    def party(self) -> dict[str, Any]:
        return {
            "legal_name": self.name,
            "address": {"lines": ["1 Main Street"], "city": "Town", "country": self.country},
        }


PLACES = (
    Place("Hôtel des Quais", "FR", "Europe/Paris", "fr", "EUR", "150.00", "S", "150,00 €"),
    Place("Mizuumi", "JP", "Asia/Tokyo", "en", "JPY", "30000", "O", "¥30,000"),
    Place("Lake House", "US", "America/New_York", "en", "EUR", "150.00", "O", "€150.00"),
)


def office_hours(owner: ThreadClient, place: Place) -> dict[str, Any]:
    """Four hours to answer, of a calendar that counts in the client's zone."""
    name = f"office_{place.country.lower()}"
    week = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}
    calendar = {"time_zone": place.zone, "weekly": [week]}
    titled = {"name": name, "title": {"fr": "Bureau", "en": "Office"}, "calendar": calendar}
    owner.post("contracts", "/v1/calendars", titled)
    return {"calendar": name, "targets": [{"severity": "critical", "response": "PT4H"}]}


def client_abroad(owner: ThreadClient, place: Place) -> str:
    person = {"name": "Léa Martin", "email": "lea@client.example", "language": place.language}
    body = {
        "name": place.name,
        "language": place.language,
        "time_zone": place.zone,
        "currency": place.currency,
        "contacts": [person | {"roles": ["technical", "decider"]}],
    }
    return str(owner.post("contracts", "/v1/clients", body)["client_id"])


def read_in_his_language(
    owner: ThreadClient, place: Place, contract: SignedContract, month: str, invoice: Mapping[str, Any]
) -> None:
    """What this client reads without asking for a language: a page and a PDF of his month, and his invoice."""
    editions = f"/v1/contracts/{contract.contract_id}/reports/{month}/editions"
    eventually(lambda: owner.get("reporting", editions)["data"] or None, 90, "the month is issued")
    edition = f"{editions}/1"
    page = owner.call("GET", "reporting", f"{edition}/html")
    assert page.headers["content-language"] == place.language
    report = printed(owner.call("GET", "reporting", f"{edition}/pdf").content)
    day = date.fromisoformat(f"{month}-01")
    french, english = (
        f"Rapport mensuel, {format_date(day, 'MMMM y', 'fr')}",
        f"Report for {format_date(day, 'MMMM y', 'en')}",
    )
    his, other = (french, english) if place.language == "fr" else (english, french)
    for words in (unbroken(page.text), report):
        assert unbroken(his) in words
        assert unbroken(other) not in words
        assert place.zone in words
    bill = printed(owner.call("GET", "contracts", f"/v1/invoices/{invoice['invoice_id']}/facturx.pdf").content)
    title, not_his = ("Facture", "Invoice") if place.language == "fr" else ("Invoice", "Facture")
    assert title in bill
    assert not_his not in bill
    assert unbroken(place.shown) in bill


@pytest.mark.capability("X03")
def test_unused_hours_of_a_month_are_there_in_the_next_and_a_year_of_them_is_reviewed(passing: Passing) -> None:
    first = passing.until_first_of_next_month()
    with passing.owner() as owner:
        contract = owner.activate_contract(
            owner.create_client("Coopérative"),
            [("Coopérative", "https://cooperative.example/")],
            starts_on=first.date().isoformat(),
            hours=hours(600) | {"rollover": {"policy": "one_period"}},
        )
    path = f"/v1/contracts/{contract.contract_id}/hours"
    available, months = [], []
    for used in (6, 8, 5):
        with passing.owner() as owner:
            today = passing.now().date()
            work = {"work_class": "coordination", "worked_on": f"{today}", "real_minutes": used * 60}
            owner.post("contracts", f"{path}/entries", work | {"person_name": "Nadia Benali", "note": "Steering"})
            month = owner.get("contracts", path, month=f"{today:%Y-%m}")
            available.append(month["available_minutes"] // 60)
            months.append(month)
        passing.until_first_of_next_month()
    assert available == [10, 14, 12]
    assert [month["overage_minutes"] for month in months] == [0, 0, 0]

    passing.until(first.replace(year=first.year + 1) + timedelta(hours=1))
    passing.restart("contracts")
    with passing.owner() as owner:
        found = lambda: owner.get("contracts", "/v1/hours-reviews", contract_id=contract.contract_id)["data"] or None  # noqa: E731
        (review,) = eventually(found, 30, "the year of the contract is reviewed")
        (line,) = review["lines"]
        assert [month["accounted_minutes"] for month in line["months"]] == [360, 480, 300, *[0] * 9]
        assert review["change"] == "lower"
        assert review["proposed_minutes"] < 600


def hours(minutes: int) -> dict[str, Any]:
    """Hours of one line."""
    return {"lines": lines(minutes), "overage_rate_per_hour": {"amount": "90.00", "currency": "EUR"}}


def lines(minutes: int) -> list[dict[str, Any]]:
    name = {"fr": "Pilotage", "en": "Steering"}
    return [{"code": "steering", "name": name, "included_minutes": minutes, "work_classes": ["coordination"]}]


def sign_amendment(owner: ThreadClient, contract: str, change: dict[str, Any]) -> None:
    """Propose an amendment, sign it for both and schedule it."""
    proposed = owner.post("contracts", f"{contract}/amendment", change)
    for party in ("agency", "client"):
        consent = {"party": party, "document_hash": proposed["amendment"]["document"]["hash"]}
        owner.post("contracts", f"{contract}/amendment/sign", consent)
    owner.post("contracts", f"{contract}/amendment/apply")


def interval(owner: ThreadClient, contract: SignedContract) -> int:
    """Seconds between two checks of the contract's one monitor."""
    (monitor,) = owner.wait_for_monitors(contract, "up")
    return int(monitor["cadence"]["interval_seconds"])


def response_target(owner: ThreadClient, contract: SignedContract) -> float:
    """Seconds within which an incident that is reported now must be answered, in the hours that count for it."""
    reported = {"contract_id": contract.contract_id, "title": "Slow", "severity": "critical"}
    incident = owner.post("incidents", "/v1/incidents", reported)
    (clock,) = [each for each in incident["clocks"] if each["metric"] == "response"]
    return float(clock["target_seconds"])


def cents(amount: Fraction) -> Decimal:
    """An amount rounded as one line is: half away from zero."""
    return (Decimal(amount.numerator) / amount.denominator).quantize(Decimal("0.01"), ROUND_HALF_UP)


def whole_minutes(minutes: Fraction) -> int:
    return int((Decimal(minutes.numerator) / minutes.denominator).quantize(Decimal(1), ROUND_HALF_UP))
