"""A Premium month from the contract to the invoice: watched every thirty seconds, broken, answered, paid."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from babel.dates import format_date

from shared.jetstream import inbox_prefix
from shared.testing.running_stack import RunningStack, Tenant, running_stack_over
from shared.testing.servers import running_nats, running_postgres
from shared.testing.small_site import SmallSite
from shared.testing.third_party import verified_pack

from . import contract_invoices
from .desk_records import POST_MORTEM
from .thread_client import CLIENT_ZONE, SignedContract, ThreadClient, eventually, printed

INTERVAL = timedelta(seconds=30)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
PER_MESSAGE = 240
LOCATION = "default"
NO_BREAK = "\N{NO-BREAK SPACE}"


class Month:
    """A product whose runner is told what it would have seen, so that a month is over in a minute.

    Whatever it is told about begins and ends with checks that the services' own runner makes.
    """

    def __init__(self, stack: RunningStack, agency: Tenant, site: SmallSite) -> None:
        self.stack = stack
        self.site = site
        self._agency = agency
        self._ahead = timedelta()

    def now(self) -> datetime:
        return self.stack.clock.now().astimezone(CLIENT_ZONE)

    def owner(self) -> ThreadClient:
        """The agency's owner, with a token of this hour."""
        return ThreadClient(self.stack, self.stack.token(self._agency))

    def until(self, instant: datetime, results: Sequence[dict[str, Any]] = ()) -> None:
        """Let time pass to this instant, by when the runner has handed these results in.

        The services stand still meanwhile: the results are there when they see that time has passed, so that nobody
        takes it for silence.
        """
        self._ahead += instant.astimezone(UTC) - self.stack.clock.now()
        self.stack.hold()
        try:
            self.stack.shift_clock(self._ahead)
            asyncio.run(self._hand_in(results))
        finally:
            self.stack.go_on()
        eventually(lambda: asyncio.run(self._recorded()) or None, 60, "every check is recorded")

    def fine_until(self, instant: datetime, monitor_id: str) -> None:
        """Let time pass to this instant, in which every check finds the site as it should be."""
        at = self.now()
        while at < instant:
            end = min(at + DAY, instant)
            slots = [at + n * INTERVAL for n in range(1, (end - at) // INTERVAL + 1)]
            self.until(end, [self._result(monitor_id, slot, True) for slot in slots])
            at = end

    def broken_for(self, duration: timedelta, since: datetime, monitor_id: str) -> None:
        """Let the site, which its runner found broken at `since`, be so for this long from then on."""
        end = since + duration
        slots = [since + n * INTERVAL for n in range(1, duration // INTERVAL) if since + n * INTERVAL > self.now()]
        self.until(end - INTERVAL, [self._result(monitor_id, slot, False) for slot in slots])
        self.site.mend_page("/")
        self.until(end, [self._result(monitor_id, end, True)])

    async def _hand_in(self, results: Sequence[dict[str, Any]]) -> None:
        client = await nats.connect(self.stack.nats.url("probes"), inbox_prefix=inbox_prefix("probes"))
        try:
            for start in range(0, len(results), PER_MESSAGE):
                batch = {
                    "runner": "golden",
                    "location": LOCATION,
                    "sent_at": self.stack.clock.now().isoformat(),
                    "results": results[start : start + PER_MESSAGE],
                    "controls": None,
                }
                await client.jetstream().publish(f"probe-results.{LOCATION}", json.dumps(batch).encode())
        finally:
            await client.close()

    async def _recorded(self) -> bool:
        client = await nats.connect(self.stack.nats.url("probes"), inbox_prefix=inbox_prefix("probes"))
        try:
            return bool((await client.jetstream().stream_info("PROBE_RESULTS")).state.messages == 0)
        finally:
            await client.close()

    @staticmethod
    def _result(monitor_id: str, at: datetime, good: bool) -> dict[str, Any]:
        written = at.astimezone(UTC).isoformat()
        found: dict[str, Any] = {
            "monitor_id": monitor_id,
            "slot": int(at.timestamp()),
            "due_at": written,
            "started_at": written,
            "took_us": 84_000,
            "outcome": "good" if good else "bad",
            "status_code": 200 if good else 503,
        }
        if not good:
            found |= {"reason": "http_status", "detail": "The site answered with status 503."}
            found["evidence"] = {
                "checked_at": written,
                "url": "http://127.0.0.1/",
                "timings_ms": {"total": 84},
                "addresses": [],
                "refused_addresses": [],
                "headers": {},
            }
        return found


@pytest.fixture(scope="module")
def month() -> Iterator[Month]:
    with (
        running_postgres() as postgres,
        running_nats() as nats_server,
        SmallSite() as site,
        # Services read a new key within minutes of their own, which are days of this month.
        running_stack_over(postgres, nats_server, extra={"contracts": {"SIGNING_KEY_DAYS": "365"}}) as stack,
    ):
        yield Month(stack, stack.new_tenant("Agence Lumière"), site)


def first_of_a_month_of_thirty_days(now: datetime) -> datetime:
    """The first instant of the next April, June, September or November of the client's zone."""
    day = (now.replace(day=1) + timedelta(days=32)).date().replace(day=1)
    while day.month not in (4, 6, 9, 11):
        day = (day + timedelta(days=32)).replace(day=1)
    return datetime.combine(day, time(), CLIENT_ZONE)


@pytest.mark.capability("X01", "R01", "R07")
def test_a_premium_month_with_a_quarter_of_an_hour_down_reads_99_97_and_costs_300_euros(
    month: Month, tmp_path: Path
) -> None:
    first = first_of_a_month_of_thirty_days(month.now())
    month.until(first - timedelta(minutes=10))
    with month.owner() as owner:
        client = owner.create_client("Hôtel Bellevue")
        contract = owner.activate_contract(
            client,
            [("Hôtel Bellevue", month.site.url("/"))],
            price="300.00",
            price_override_reason="The price of the page that sells it",
            starts_on=month.now().date().isoformat(),
            alert_emails=["on-call@agency.example"],
        )
        (monitor,) = owner.wait_for_monitors(contract, "up")
        assert monitor["cadence"]["interval_seconds"] == 30
    watched = monitor["monitor_id"]

    # The twelfth, three at night: the runner finds the site broken, somebody is told and answers within half an hour.
    night = first + timedelta(days=11, hours=3)
    month.fine_until(night, watched)
    incident, failed = broken(month, contract)
    assert timedelta() <= failed - night < MINUTE
    eventually(lambda: mailed(month, incident["number"]) or None, 30, "the person on call is told by mail")
    month.until(failed + timedelta(minutes=1))
    with month.owner() as owner:
        with owner.speaking_as(owner.person("Nadia Benali")) as on_call:
            answered = on_call.act(incident["incident_id"], "acknowledge")
        acknowledged = answered["timestamps"]["acknowledged"]
        assert acknowledged["actor"]["kind"] == "user"
        assert datetime.fromisoformat(acknowledged["at"]) - failed < timedelta(minutes=30)
    month.broken_for(timedelta(minutes=9), failed, watched)
    settle_down(month, contract, incident["incident_id"])

    # The twentieth, in the afternoon: six minutes more.
    month.fine_until(first + timedelta(days=19, hours=15), watched)
    incident, failed = broken(month, contract)
    month.broken_for(timedelta(minutes=6), failed, watched)
    settle_down(month, contract, incident["incident_id"])
    end = datetime.combine((first + timedelta(days=32)).date().replace(day=1), time(), CLIENT_ZONE)
    month.fine_until(end + timedelta(hours=1, minutes=30), watched)

    path = f"/v1/contracts/{contract.contract_id}/reports/{first:%Y-%m}"
    with month.owner() as owner:
        report = eventually(lambda: complete(owner.get("reporting", path)), 120, "the month is told")
        (figure,) = report["uptime"]["figures"]
        assert (figure["uptime_display"], figure["met"], round(figure["down_seconds"])) == ("99.97", True, 15 * 60)
        for language, reads in (("fr", f"99,97{NO_BREAK}%"), ("en", "99.97%")):
            link = {"month": f"{first:%Y-%m}", "language": language}
            shared = owner.post("reporting", f"/v1/contracts/{contract.contract_id}/report-links", link)
            assert reads in httpx.get(shared["url"], headers={"accept": "text/html"}, trust_env=False).text

    # Two hours after its end the month is issued, for good; ten minutes later its decider has it in his mailbox.
    month.fine_until(end + timedelta(hours=2, minutes=1), watched)
    with month.owner() as owner:
        assert issued_by_itself(owner, path)["uptime"]["figures"][0]["uptime_display"] == "99.97"
        for language, reads in (("fr", "99,97%"), ("en", "99.97%")):
            file = owner.call("GET", "reporting", f"{path}/editions/1/pdf", params={"lang": language}).content
            assert reads in printed(file)
        # Whoever has the link of before reads what was issued.
        assert "Edition 1 of" in httpx.get(shared["url"], headers={"accept": "text/html"}, trust_env=False).text
    month.fine_until(end + timedelta(hours=2, minutes=15), watched)
    mail = eventually(lambda: sent_to_decider(month, first), 90, "the decider is told by mail")
    (link,) = [word for word in mail.get_content().split() if word.startswith("http")]
    assert f"99,97{NO_BREAK}%" in httpx.get(link, headers={"accept": "text/html"}, trust_env=False).text

    month.fine_until(end + timedelta(hours=3), watched)
    with month.owner() as owner:
        settlement = eventually(lambda: drafted(owner, contract, first), 60, "the month is settled")
        path = f"/v1/settlements/{settlement['settlement_id']}"
        lines = owner.get("contracts", path)["content"]["lines"]
        assert [line["kind"] for line in lines] == ["fee"], "nothing is credited, nothing is charged beside the price"
        for document in ("/v1/tenant/party", f"/v1/clients/{client}/party"):
            owner.call("PUT", "contracts", document, contract_invoices.PARTY, headers={"If-Match": "*"})
        owner.call("PUT", "contracts", "/v1/tenant/invoicing", contract_invoices.INVOICING, headers={"If-Match": "*"})
        for step in ("review", "close"):
            owner.post("contracts", f"{path}/{step}")
        invoice = owner.post("contracts", f"{path}/invoice", {})
        assert (invoice["net"], invoice["tax"], invoice["total"]) == ("300.00", "60.00", "360.00")

        # Whoever doubts it computes it again on his own machine, from what was said and nothing else.
        evidence = f"/v1/contracts/{contract.contract_id}/evidence/{first:%Y-%m}"
        status, said = verified_pack(tmp_path, owner.call("GET", "reporting", evidence).content)
        assert (status, "production 99.96" in said) == (0, True), said
        status, said = verified_pack(tmp_path, owner.call("GET", "reporting", f"{evidence}/amounts").content)
        assert (status, "300.00" in said) == (0, True), said


def drafted(owner: ThreadClient, contract: SignedContract, first: datetime) -> Any:
    """The settlement of the month that begins at `first`, once it is there."""
    found = owner.get("contracts", "/v1/settlements", contract_id=contract.contract_id)["data"]
    return next((one for one in found if one["first_day"] == f"{first:%Y-%m-%d}"), None)


def broken(month: Month, contract: SignedContract) -> tuple[Any, datetime]:
    """The incident that the runner's next checks open, and when the first of them failed."""
    month.site.break_page("/")
    with month.owner() as owner:
        incident = owner.wait_for_incident(contract, lambda one: one["timestamps"]["recovered"] is None, 90)
        stamps = owner.get("incidents", f"/v1/incidents/{incident['incident_id']}")["timestamps"]
    return incident, datetime.fromisoformat(stamps["first_failure"]["at"]).astimezone(CLIENT_ZONE)


def issued_by_itself(owner: ThreadClient, path: str) -> Any:
    """What the first edition of a month says, once the worker has issued it; nobody asks for that."""
    editions = eventually(
        lambda: owner.get("reporting", f"{path}/editions")["data"] or None, 120, "the month is issued"
    )
    assert [(each["edition"], each["reason"]) for each in editions] == [(1, "scheduled")]
    return owner.get("reporting", f"{path}/editions/1")["report"]


def sent_to_decider(month: Month, first: datetime) -> EmailMessage | None:
    """The mail with the report of the month that begins at `first`, to the client's decider in his language."""
    subject = f"Rapport mensuel, {format_date(first.date(), 'MMMM y', locale='fr')} – Hôtel Bellevue"
    mails = [mail for mail in month.stack.mailbox.messages if str(mail["Subject"]) == subject]
    assert len(mails) <= 1
    assert all(str(mail["To"]) == "lea@client.example" for mail in mails)
    return mails[0] if mails else None


def mailed(month: Month, number: str) -> bool:
    return any(number in str(mail["subject"]) for mail in month.stack.mailbox.messages)


def complete(report: Any) -> Any:
    """The report, once both incidents are in it and probes has vouched for every hour of the month."""
    measured = all(figure["unknown_seconds"] == 0 for figure in report["uptime"]["figures"])
    return report if measured and len(report["incidents"]["items"]) == 2 else None


def settle_down(month: Month, contract: SignedContract, incident_id: str) -> None:
    """The incident has recovered; it is resolved and closed, with what the contract asks for."""
    with month.owner() as owner:
        owner.wait_for_incident(
            contract, lambda one: one["incident_id"] == incident_id and one["timestamps"]["recovered"] is not None
        )
        resolved = owner.act(incident_id, "resolve", "Restarted the database")
        told = {"item_id": incident_id, "completed_at": resolved["timestamps"]["resolved"]["at"]}
        owner.post("incidents", "/v1/post-mortems", POST_MORTEM | told)
        closed = owner.act(incident_id, "close", "Done")
        verdicts = {clock["metric"]: clock["verdict"] for clock in closed["clocks"]}
        assert verdicts == dict.fromkeys(("response", "mitigation", "post_mortem"), "met")
