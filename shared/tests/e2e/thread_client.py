"""The thread as a user walks it, over HTTP only: from a client to a contract in force, from an outage to its report."""

import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo

import httpx
from pypdf import PdfReader

from shared.ids import new_id
from shared.outbound_http import usual_authorities
from shared.testing.running_stack import RunningStack

FAST_MONITORING = {"interval_seconds": 2, "timeout_seconds": 1, "rechecks": 1, "recheck_spacing_seconds": 1}
"""A contract's own parameters for tests: an outage is confirmed some three seconds after it began."""

CLIENT_ZONE = ZoneInfo("Europe/Paris")

RESPONSE_AND_REPAIR = {
    "calendar": "around_the_clock",
    "targets": [
        {"severity": severity, "response": "PT30M", "repair": "PT4H"} for severity in ("critical", "major", "minor")
    ],
}
"""A response commitment that promises a repair as well; Premium promises the response only."""

T = TypeVar("T")

PATIENCE = 3
"""A machine with other work is that much slower: a test is to find out whether something happens, not how soon."""


@dataclass(frozen=True)
class SignedContract:
    """A contract in force and where its parts are."""

    contract_id: str
    client_id: str
    site_ids: tuple[str, ...]
    slug: str
    activated_at: datetime


class ThreadClient:
    """Calls the four services with one token. Every call raises httpx.HTTPStatusError when it is refused."""

    def __init__(self, stack: RunningStack, token: str) -> None:
        self._stack = stack
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30, verify=usual_authorities()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def stack(self) -> RunningStack:
        """The product that it talks to."""
        return self._stack

    def call(self, method: str, service: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """One request; a refusal is raised with what the problem document says."""
        if body is not None:
            options["json"] = body
        answer = self._http.request(method, self._stack.url(service) + path, **options)
        if answer.is_error:
            message = f"{method} {path} was answered {answer.status_code}: {answer.text[:1000]}"
            raise httpx.HTTPStatusError(message, request=answer.request, response=answer)
        return answer

    def get(self, service: str, path: str, **params: Any) -> Any:
        return self.call("GET", service, path, params=params).json()

    def post(self, service: str, path: str, body: Any = None) -> Any:
        return self.call("POST", service, path, body).json()

    # Promises -------------------------------------------------------------------------------------------------------

    def create_client(self, name: str, *, language: str = "fr", contacts: Sequence[Mapping[str, Any]] = ()) -> str:
        """A client with a technical contact, by default."""
        people = list(contacts) or [
            {
                "name": "Léa Martin",
                "email": "lea@client.example",
                "language": language,
                "roles": ["technical", "decider"],
            }
        ]
        body = {"name": name, "language": language, "time_zone": CLIENT_ZONE.key, "currency": "EUR", "contacts": people}
        return str(self.post("contracts", "/v1/clients", body)["client_id"])

    def activate_contract(
        self,
        client_id: str,
        sites: Sequence[tuple[str, str]],
        *,
        plan: str = "premium",
        price: str = "600.00",
        currency: str = "EUR",
        monitoring: Mapping[str, Any] | None = None,
        slug: str | None = None,
        site_slugs: Sequence[str] = (),
        **terms: Any,
    ) -> SignedContract:
        """A contract in force for sites given as (name, URL): drafted, proposed, signed by both parties, activated.

        `site_slugs`: addresses of pages of the first sites, one by one.
        """
        site_ids = [self.create_site(client_id, name, url) for name, url in sites]
        slug = slug or f"page-{site_ids[0]}"
        draft: dict[str, Any] = {
            "client_id": client_id,
            "plan_code": plan,
            "site_ids": site_ids,
            "starts_on": "2026-01-01",
            "price": {"amount": price, "currency": currency},
            "alert_emails": ["alerts@agency.example"],
            "status_page": {"slug": slug, "name": sites[0][0]},
            "signatories": {
                "agency": {"name": "Nadia Benali", "email": "nadia@agency.example"},
                "client": {"name": "Léa Martin", "email": "lea@client.example"},
            },
            **terms,
        }
        if site_slugs:
            draft["site_pages"] = [
                {"site_id": site_id, "slug": own, "name": name}
                for site_id, own, (name, _) in zip(site_ids, site_slugs, sites, strict=False)
            ]
        if monitoring is not None:
            draft["deliverable_parameters"] = {"uptime_monitoring": dict(monitoring)}
        contract_id = self.post("contracts", "/v1/contracts", draft)["contract_id"]
        proposed = self.post("contracts", f"/v1/contracts/{contract_id}/propose")
        for party in ("agency", "client"):
            consent = {"party": party, "document_hash": proposed["document"]["hash"]}
            self.post("contracts", f"/v1/contracts/{contract_id}/sign", consent)
        active = self.post("contracts", f"/v1/contracts/{contract_id}/activate")
        return SignedContract(
            contract_id=contract_id,
            client_id=client_id,
            site_ids=tuple(site_ids),
            slug=slug,
            activated_at=datetime.fromisoformat(active["activated_at"]),
        )

    def decider_of(self, client_id: str) -> str:
        """A token of a portal in which the client's decider speaks."""
        portal = {"name": f"Portal {new_id()}", "role": "client_decider", "client_id": client_id}
        key = self.post("contracts", "/v1/api-keys", portal)
        return self._stack.token_for(key["prefix"], key["client_secret"])

    def somebody(self, name: str, role: str = "owner") -> tuple[str, str]:
        """The key of a new person of the agency: what people decide no program's key does."""
        email = f"{name.partition(' ')[0].lower()}-{new_id()}@agency.example"
        user = self.post("contracts", "/v1/users", {"email": email, "name": name, "role": role})
        key = self.post("contracts", "/v1/api-keys", {"name": f"Key of {name}", "user_id": user["user_id"]})
        return key["prefix"], key["client_secret"]

    def person(self, name: str, role: str = "owner") -> str:
        """A token in which a new person of the agency speaks."""
        return self._stack.token_for(*self.somebody(name, role))

    def speaking_as(self, token: str) -> "ThreadClient":
        """The same services, spoken to with another token."""
        return ThreadClient(self._stack, token)

    def create_site(self, client_id: str, name: str, url: str) -> str:
        environment = {"name": "production", "url": url, "counts_for_sla": True}
        body = {"client_id": client_id, "name": name, "kind": "website", "environments": [environment]}
        return str(self.post("contracts", "/v1/sites", body)["site_id"])

    def contract(self, contract_id: str) -> Any:
        return self.get("contracts", f"/v1/contracts/{contract_id}")

    def change_contract(self, contract_id: str, step: str) -> Any:
        """`suspend`, `resume` or `terminate`."""
        reason = None if step == "resume" else {"reason": "Test of a change"}
        return self.post("contracts", f"/v1/contracts/{contract_id}/{step}", reason)

    # What is measured and done --------------------------------------------------------------------------------------

    def monitors(self, contract: SignedContract) -> list[Any]:
        return list(self.get("probes", "/v1/monitors", contract_id=contract.contract_id)["data"])

    def wait_for_monitors(self, contract: SignedContract, state: str, seconds: float = 30.0) -> list[Any]:
        """The contract's monitors once each is in this state."""

        def all_there() -> list[Any] | None:
            monitors = self.monitors(contract)
            return monitors if monitors and all(monitor["state"] == state for monitor in monitors) else None

        return eventually(all_there, seconds, f"every monitor of {contract.contract_id} is {state}")

    def incidents(self, contract: SignedContract) -> list[Any]:
        return list(self.get("incidents", "/v1/incidents", contract_id=contract.contract_id)["data"])

    def wait_for_incident(
        self, contract: SignedContract, holds: Callable[[Any], bool] = lambda _: True, seconds: float = 30.0
    ) -> Any:
        """The contract's newest incident for which `holds` is true."""

        def found() -> Any:
            return next((incident for incident in self.incidents(contract) if holds(incident)), None)

        return eventually(found, seconds, f"the incident of {contract.contract_id}")

    def act(self, incident_id: str, act: str, note: str = "Seen, working on it") -> Any:
        """`acknowledge`, `mitigate`, `resolve` or `close`."""
        return self.post("incidents", f"/v1/incidents/{incident_id}/{act}", {"note": note})


def client_month(instant: datetime) -> str:
    """The month (`2026-12`) that it is for the client: in the last hours of a month of UTC already the next."""
    return f"{instant.astimezone(CLIENT_ZONE):%Y-%m}"


def eventually(probe: Callable[[], T | None], seconds: float, what: str) -> T:
    """What `probe` gives once it is not None. Raises TimeoutError naming what did not come.

    :param seconds: what it takes at most on a machine with nothing else to do; waited for is PATIENCE times as long.
    """
    deadline = time.monotonic() + PATIENCE * seconds
    while True:
        found = probe()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"within {PATIENCE * seconds:g} s this did not happen: {what}")
        time.sleep(0.1)


def printed(pdf: bytes) -> str:
    """The words of a PDF without the spaces between them, which are not the same ones in every language."""
    return unbroken("".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


def unbroken(words: str) -> str:
    """Words without the spaces and line breaks between them."""
    return "".join(words.split())
