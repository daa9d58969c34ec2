"""Walks the whole thread against the running stack: sign, probe, break, react, mend, report. `make demo` runs it.

Every step is a plain API call; the README shows the same calls with curl. What is known is printed with the address
where it can be seen.
"""

import itertools
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import httpx

from shared.stack.__main__ import main as stack_command
from shared.stack.facts import read_facts
from shared.stack.folders import DataFolder
from shared.stack.problems import StackProblem
from shared.stack.settings import stack_settings
from shared.testing.small_site import SmallSite

T = TypeVar("T")

CLIENT_ZONE = ZoneInfo("Europe/Paris")
MONITORING_SECONDS = 120.0
"""A Premium contract is checked every 30 s, and an outage is confirmed by two more checks."""


class DemoFailed(Exception):
    """The thread is broken somewhere; the message says where and where to look."""


class Screen:
    """Facts one below the other, and a line that turns while something is awaited."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._numbers = itertools.count(1)
        self._is_terminal = sys.stdout.isatty()

    def step(self, title: str) -> None:
        self._line(f"\n{next(self._numbers)}. {title}")

    def fact(self, text: str, where: str = "") -> None:
        self._line(f"   {time.monotonic() - self._began:6.1f} s  {text}" + (f"\n             {where}" if where else ""))

    def wait(self, what: str, probe: Callable[[], T | None], seconds: float) -> T:
        """What `probe` gives once it gives something. Raises DemoFailed after the time."""
        began = time.monotonic()
        for turn in itertools.cycle("|/-\\"):
            found = probe()
            if found is not None:
                self._progress("")
                return found
            if time.monotonic() - began > seconds:
                raise DemoFailed(f"{what}: not within {seconds:g} s. The logs of the services are in .upheld/logs.")
            self._progress(f"            {turn} {what} ({time.monotonic() - began:.0f} s)")
            time.sleep(0.25)
        raise AssertionError("cycle never ends")

    def _progress(self, text: str) -> None:
        if self._is_terminal:
            sys.stdout.write("\r\x1b[K" + text)
            sys.stdout.flush()

    def _line(self, text: str) -> None:
        self._progress("")
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class Upheld:
    """The four APIs with the administrator's token, which is fetched again when it has expired."""

    def __init__(self, facts: dict[str, str]) -> None:
        self.facts = facts
        self._http = httpx.Client(trust_env=False, timeout=30)
        self._token = ""

    def url(self, service: str, path: str) -> str:
        return self.facts[f"{service.upper()}_URL"] + path

    def call(self, method: str, service: str, path: str, body: Any = None) -> Any:
        """The JSON of the answer. Raises DemoFailed with the problem's own words."""
        if not self._token:
            self._sign_in()
        answer = self._send(method, service, path, body)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._sign_in()
            answer = self._send(method, service, path, body)
        if answer.is_error:
            raise DemoFailed(f"{method} {path} was answered {answer.status_code}: {answer.text}")
        return answer.json()

    def _send(self, method: str, service: str, path: str, body: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        return self._http.request(method, self.url(service, path), json=body, headers=headers)

    def _sign_in(self) -> None:
        answer = self._http.post(
            self.facts["UPHELD_TOKEN_URL"],
            data={"grant_type": "client_credentials"},
            auth=(self.facts["UPHELD_CLIENT_ID"], self.facts["UPHELD_CLIENT_SECRET"]),
        )
        if answer.is_error:
            raise DemoFailed(f"no token: {answer.text}")
        self._token = answer.json()["access_token"]


def sign_contract(upheld: Upheld, screen: Screen, site: SmallSite) -> dict[str, Any]:
    """Client, site, Premium contract, two signatures, in force. Gives the active contract."""
    screen.step("A Premium contract is signed")
    slug = f"hotel-bellevue-{int(time.time())}"
    contact = {"name": "Léa Martin", "email": "lea@bellevue.example", "language": "fr", "roles": ["technical"]}
    client = upheld.call(
        "POST",
        "contracts",
        "/v1/clients",
        {"name": "Hôtel Bellevue", "language": "fr", "time_zone": CLIENT_ZONE.key, "contacts": [contact]},
    )
    screen.fact("client Hôtel Bellevue", upheld.url("contracts", f"/v1/clients/{client['client_id']}"))
    environment = {"name": "production", "url": site.url(), "counts_for_sla": True}
    new_site = upheld.call(
        "POST",
        "contracts",
        "/v1/sites",
        {"client_id": client["client_id"], "name": "Hôtel Bellevue", "environments": [environment]},
    )
    screen.fact("its site, which this demonstration serves", site.url())
    contract = upheld.call(
        "POST",
        "contracts",
        "/v1/contracts",
        {
            "client_id": client["client_id"],
            "plan_code": "premium",
            "site_ids": [new_site["site_id"]],
            "starts_on": "2026-01-01",
            "price": {"amount": "600.00", "currency": "EUR"},
            "response": {
                "calendar": "around_the_clock",
                "targets": [{"severity": "critical", "response": "PT30M", "repair": "PT4H"}],
            },
            "alert_emails": ["on-call@agency.example"],
            "status_page": {"slug": slug, "name": "Hôtel Bellevue"},
            "signatories": {
                "agency": {"name": "Nadia Benali", "email": "nadia@agency.example"},
                "client": {"name": "Léa Martin", "email": "lea@bellevue.example"},
            },
        },
    )
    path = f"/v1/contracts/{contract['contract_id']}"
    screen.fact(
        f"contract {contract['number']}: {len(contract['deliverables'])} deliverables of Premium, repair within 4 hours"
    )
    proposed = upheld.call("POST", "contracts", f"{path}/propose")
    for party in ("agency", "client"):
        consent = {"party": party, "document_hash": proposed["document"]["hash"]}
        upheld.call("POST", "contracts", f"{path}/sign", consent)
    screen.fact(f"both parties signed SHA-256 {proposed['document']['hash'][:16]}…", upheld.url("contracts", path))
    active = upheld.call("POST", "contracts", f"{path}/activate")
    screen.fact("in force: everything else follows from it")
    return dict(active)


def watch_site(upheld: Upheld, screen: Screen, contract: dict[str, Any]) -> dict[str, Any]:
    """Until the first good check. Gives the monitor."""
    screen.step("The site is probed")

    def monitor_that_is(state: str) -> Callable[[], Any]:
        def probe() -> Any:
            found = upheld.call("GET", "probes", f"/v1/monitors?contract_id={contract['contract_id']}")["data"]
            return next((monitor for monitor in found if monitor["state"] == state), None)

        return probe

    monitor = screen.wait("the first check", monitor_that_is("up"), MONITORING_SECONDS)
    screen.fact(
        f"checked every {monitor['cadence']['interval_seconds']} s, and up",
        upheld.url("probes", f"/v1/monitors/{monitor['monitor_id']}"),
    )
    return dict(monitor)


def suffer_outage(upheld: Upheld, screen: Screen, contract: dict[str, Any], site: SmallSite) -> dict[str, Any]:
    """The site breaks; an incident opens with due times and somebody is told. Gives the incident."""
    screen.step("The site breaks")
    site.break_page()
    screen.fact("every page answers 503 now", site.url())

    def opened() -> Any:
        listed = upheld.call("GET", "incidents", f"/v1/incidents?contract_id={contract['contract_id']}")
        return next(iter(listed["data"]), None)

    incident = screen.wait("a failing check, confirmed by two more", opened, MONITORING_SECONDS)
    path = f"/v1/incidents/{incident['incident_id']}"
    incident = upheld.call("GET", "incidents", path)
    screen.fact(f"incident {incident['number']}: {incident['title']}", upheld.url("incidents", path))
    stamps = incident["timestamps"]
    screen.fact(f"down since {stamps['first_failure']['at']}, confirmed {stamps['detected']['at']}")
    for clock in incident["clocks"]:
        screen.fact(f"{clock['metric']} due at {clock['due_at']} ({clock['target_seconds'] // 60} minutes promised)")

    def alerted() -> Any:
        return upheld.call("GET", "incidents", path)["timestamps"]["alerted"]

    alert = screen.wait("the mail", alerted, 30)
    screen.fact(f"on-call was mailed at {alert['at']}", upheld.facts.get("UPHELD_MAIL_DIR", ""))
    page = contract["terms"]["status_page"]["slug"]
    screen.fact("the public status page says so", upheld.url("reporting", f"/status/{page}?lang=en"))
    return dict(incident)


def restore_service(
    upheld: Upheld, screen: Screen, monitor: dict[str, Any], incident: dict[str, Any], site: SmallSite
) -> dict[str, Any]:
    """Somebody answers, the site recovers, the incident is resolved and closed. Gives the closed incident."""
    screen.step("Somebody answers, the site recovers")
    path = f"/v1/incidents/{incident['incident_id']}"
    acknowledged = upheld.call("POST", "incidents", f"{path}/acknowledge", {"note": "Looking at the database"})
    response = next(clock for clock in acknowledged["clocks"] if clock["metric"] == "response")
    screen.fact(f"acknowledged: response {response['state']} after {response['elapsed_seconds']} s")
    site.mend_page()

    def up() -> Any:
        state = upheld.call("GET", "probes", f"/v1/monitors/{monitor['monitor_id']}")
        return state if state["state"] == "up" else None

    screen.wait("the first good check", up, MONITORING_SECONDS)

    def recovered() -> Any:
        return upheld.call("GET", "incidents", path)["timestamps"]["recovered"]

    recovery = screen.wait("the incident to hear of it", recovered, 30)
    screen.fact(f"recovered at {recovery['at']}, dated from the first good check")
    resolved = upheld.call(
        "POST", "incidents", f"{path}/resolve", {"note": "The connection pool was exhausted; doubled"}
    )
    learned = {
        "item_id": resolved["incident_id"],
        "audience": "client",
        "summary": "The shop was down while all connections to the database were in use.",
        "course": "A check failed, somebody answered, the pool was doubled, the shop was back.",
        "causes": "The connection pool was too small for the sale.",
        "went_well": "The alert came at once.",
        "went_badly": "Nobody watched the pool.",
        "completed_at": resolved["timestamps"]["resolved"]["at"],
    }
    upheld.call("POST", "incidents", "/v1/post-mortems", learned)
    screen.fact("a critical incident has its post-mortem before it closes: the contract says so")
    closed: dict[str, Any] = upheld.call("POST", "incidents", f"{path}/close", {})
    for clock in closed["clocks"]:
        screen.fact(f"{clock['metric']}: {clock['verdict']} after {clock['elapsed_seconds']} s")
    screen.fact("who did what, when, from which source", upheld.url("incidents", f"{path}/timeline"))
    return closed


def client_month(instant: str) -> str:
    """The month (`2026-12`) that it is for the client: in the last hours of a UTC month already the next."""
    return f"{datetime.fromisoformat(instant).astimezone(CLIENT_ZONE):%Y-%m}"


def read_proof(upheld: Upheld, screen: Screen, contract: dict[str, Any], month: str) -> None:
    """The month's report, with what is behind its figures."""
    path = f"/v1/contracts/{contract['contract_id']}"

    def told() -> Any:
        report = upheld.call("GET", "reporting", f"{path}/reports/{month}")
        told = [incident for incident in report["incidents"]["items"] if incident["status"] == "closed"]
        return report if told else None

    report = screen.wait("the report to have heard everything", told, 30)
    for figure in report["uptime"]["figures"]:
        screen.fact(
            f"{figure['site_name']}: uptime {figure['uptime_display']} % of what was measured, promised "
            f"{figure['target_percent']} %; measured {figure['coverage_percent']} % of the period"
        )
    for metric, target in report["targets"].items():
        screen.fact(f"{metric} targets: {target}")
    link = upheld.call("POST", "reporting", f"{path}/report-links", {"month": month, "language": "en"})
    screen.fact("the report as a page (the link expires)", link["url"])


def wait_for_silence(upheld: Upheld, screen: Screen, contract: dict[str, Any], month: str) -> None:
    """Until probes has told that nobody measured the time that was skipped."""

    def unknown() -> Any:
        report = upheld.call("GET", "reporting", f"/v1/contracts/{contract['contract_id']}/reports/{month}")
        figure = report["uptime"]["figures"][0]
        return figure if figure["unknown_seconds"] > figure["period_seconds"] / 2 else None

    screen.wait("probes to tell that nobody measured the skipped time", unknown, MONITORING_SECONDS)


def walk(upheld: Upheld, screen: Screen) -> None:
    """The thread from its beginning to its end."""
    with SmallSite() as site:
        contract = sign_contract(upheld, screen, site)
        monitor = watch_site(upheld, screen, contract)
        incident = suffer_outage(upheld, screen, contract, site)
        closed = restore_service(upheld, screen, monitor, incident, site)
        month = client_month(closed["timestamps"]["closed"]["at"])
        screen.step("The report says so, with proof")
        read_proof(upheld, screen, contract, month)
    if upheld.facts["UPHELD_STACK"] == "embedded":
        screen.step("The month ends")
        year, number = int(month[:4]), int(month[5:])
        next_month = datetime(year + number // 12, number % 12 + 1, 1, 1, tzinfo=UTC)
        stack_command(["clock", "--set", next_month.isoformat().replace("+00:00", "Z")])
        time.sleep(1)
        screen.fact(f"it is {next_month:%d %B %Y} for all four services; `make clock RESET=1` goes back")
        wait_for_silence(upheld, screen, contract, month)
        read_proof(upheld, screen, contract, month)
        screen.fact("the time that nobody measured is unknown: never up, never down")


def main() -> int:
    """Exit status 0 when the thread held, 1 with one sentence when it did not."""
    screen = Screen()
    try:
        walk(Upheld(read_facts(DataFolder(stack_settings().data_dir))), screen)
    except (DemoFailed, StackProblem) as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except httpx.TransportError as error:
        sys.stderr.write(f"\nUpheld does not answer ({error}): start it with `make run` in another terminal.\n")
        return 1
    except KeyboardInterrupt:
        return 130
    screen.step("That was the thread. The README shows the same calls with curl.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
