"""One request for every operation that takes an Idempotency-Key, each in the state in which it succeeds once."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx

from shared.ids import new_id

from . import (
    before_signing,
    contract_hours,
    contract_invoices,
    contract_life,
    contract_settlements,
    desk_records,
    offers,
    outage_decisions,
    page_updates,
)
from .contract_registers import ContractRegisters
from .desk_items import DeskItems
from .thread_client import ThreadClient, eventually

Request = tuple[Mapping[str, str], Any]
"""The values of the path and the body, None for none."""

REASON = {"reason": "Two unpaid invoices"}
LIFE = ("draft", "proposed", "signed", "active", "suspended", "terminated")


class Repeatable:
    """Makes things of an agency's and brings them into a state."""

    def __init__(self, thread: ThreadClient) -> None:
        self._thread = thread
        self.items = DeskItems(thread, self.report)
        self.registers = ContractRegisters(thread, self.client, lambda: self.contract("active"))

    @property
    def thread(self) -> ThreadClient:
        """Who makes them."""
        return self._thread

    def client(self) -> str:
        """A new client."""
        return self._thread.create_client(f"Client {new_id()}")

    def site(self) -> str:
        """A new site of a new client."""
        return self._thread.create_site(self.client(), f"Site {new_id()}", "https://site.example/")

    def window(self) -> str:
        """A new maintenance window of a new client."""
        window = self._thread.post("contracts", "/v1/maintenance-windows", planned_work(self.client()))
        return str(window["window_id"])

    def engagement(self, *, begun: bool = False) -> str:
        """A new engagement of a new client, its first phase begun or not."""
        planned = self._thread.post("contracts", "/v1/engagements", before_signing.engagement(self.client()))
        engagement_id = str(planned["engagement_id"])
        if begun:
            self._thread.post("contracts", f"/v1/engagements/{engagement_id}/begin-phase", {"number": 1})
        return engagement_id

    def clause(self) -> str:
        """A new clause of the library."""
        made = self._thread.post("contracts", "/v1/controlled-documents", before_signing.clause())
        return str(made["controlled_document_id"])

    def person(self) -> str:
        """A new person of the desk."""
        return str(self._thread.post("incidents", "/v1/people", person_of_the_desk())["person_id"])

    def schedule(self) -> tuple[str, str]:
        """A new on-call schedule, and its one person."""
        person_id = self.person()
        schedule = self._thread.post("incidents", "/v1/on-call/schedules", schedule_of(person_id))
        return str(schedule["schedule_id"]), person_id

    def override(self) -> dict[str, str]:
        """A new override and its schedule."""
        schedule_id, person_id = self.schedule()
        path = f"/v1/on-call/schedules/{schedule_id}/overrides"
        override = self._thread.post("incidents", path, override_by(person_id))
        return {"schedule_id": schedule_id, "override_id": str(override["override_id"])}

    def somebody(self) -> str:
        """A token of a person of the agency, for what no program's key may do."""
        return self._thread.person("Nadia Benali")

    def draft(self) -> dict[str, Any]:
        """A body that drafts a contract."""
        client_id = self.client()
        name = f"site-{new_id()}"
        return {
            "client_id": client_id,
            "plan_code": "premium",
            "site_ids": [self._thread.create_site(client_id, name, "https://site.example/")],
            "starts_on": "2026-01-01",
            "price": {"amount": "600.00", "currency": "EUR"},
            "obligations": {"client_registers": {"functions": 30}},
            "hours": contract_hours.HOURS,
            "alert_emails": ["alerts@agency.example"],
            "status_page": {"slug": name, "name": "Site"},
            "signatories": {
                "agency": {"name": "Nadia Benali", "email": "nadia@agency.example"},
                "client": {"name": "Léa Martin", "email": "lea@client.example"},
            },
        }

    def contract(self, status: str, **terms: Any) -> str:
        """A new contract in this state."""
        contract_id = str(self._thread.post("contracts", "/v1/contracts", self.draft() | terms)["contract_id"])
        steps: list[Callable[[], Any]] = [
            lambda: None,
            lambda: self._step(contract_id, "propose"),
            lambda: self._sign(contract_id, "agency", "client"),
            lambda: self._step(contract_id, "activate"),
            lambda: self._step(contract_id, "suspend", REASON),
            lambda: self._step(contract_id, "terminate", REASON),
        ]
        for step in steps[: LIFE.index(status) + 1]:
            step()
        return contract_id

    def life(self) -> dict[str, Callable[[], Request]]:
        """What happens to contracts with a term: operation id to what makes its request."""
        return contract_life.requests(lambda: self._thread, lambda: self.contract("active", term=contract_life.TERM))

    def consent(self, contract_id: str, party: str = "agency", where: str = "") -> dict[str, Any]:
        """A body that signs exactly what is proposed."""
        contract = self._thread.contract(contract_id)
        document = contract["amendment"]["document"] if where else contract["document"]
        return {"party": party, "document_hash": document["hash"]}

    def amended(self, *parties: str) -> str:
        """A contract in force with a proposed amendment, signed by these parties."""
        contract_id = self.contract("active")
        self._step(contract_id, "amendment", {"price": {"amount": "650.00"}})
        for party in parties:
            self._step(contract_id, "amendment/sign", self.consent(contract_id, party, "amendment"))
        return contract_id

    def report(self) -> dict[str, Any]:
        """A body that reports an incident of a contract that incidents knows."""
        contract_id = self.contract("active")
        site_id = self._thread.contract(contract_id)["terms"]["site_ids"][0]

        def known() -> bool | None:
            monitors = self._thread.get("probes", "/v1/monitors", contract_id=contract_id)["data"]
            try:
                self._thread.get("incidents", f"/v1/time-totals/{contract_id}", month="2026-01")
            except httpx.HTTPStatusError as refused:
                if refused.response.status_code != 404:
                    raise
                return None
            return True if monitors else None

        eventually(known, 20, "the contract reached the other services")
        return {
            "contract_id": contract_id,
            "site_id": site_id,
            "title": "Checkout shows an error",
            "description": "Paying by card ends on a blank page.",
            "severity": "major",
        }

    def call(self) -> dict[str, Any]:
        """A body that logs a call about a contract that incidents knows."""
        called_at = datetime.now(UTC) - timedelta(minutes=1)
        about = {"contract_id": self.report()["contract_id"]}
        return about | {"caller": "Léa Martin", "called_at": f"{called_at:%Y-%m-%dT%H:%M:%SZ}"}

    def monitor(self) -> dict[str, Any]:
        """A body that adds a monitor under a contract that probes knows."""
        return self.covered() | {"name": "Backup", "configuration": {"kind": "heartbeat", "every_seconds": 86_400}}

    def group(self) -> dict[str, Any]:
        """A body that groups two pages under a contract that probes knows."""
        return self.covered() | {"name": "Offers and booking", **watched_pages("https://site.example")}

    def export(self) -> dict[str, Any]:
        """A body that imports one monitor of another system under such a contract."""
        entry = {"id": 1, "name": "Backup", "type": "push", "interval": 86_400}
        return self.covered() | {"dry_run": False, "backup": {"monitorList": [entry]}}

    def covered(self) -> dict[str, Any]:
        """A contract that probes knows, and an environment of it."""
        contract_id = self.report()["contract_id"]
        monitor, *_ = self._thread.get("probes", "/v1/monitors", contract_id=contract_id)["data"]
        return {"contract_id": contract_id, "environment_id": monitor["environment_id"]}

    def restore(self) -> dict[str, Any]:
        """A body that records a restore under a contract that probes knows."""
        return {
            "contract_id": self.report()["contract_id"],
            "performed_at": "2026-01-01T00:00:00Z",
            "scope": "Everything",
            "duration_seconds": 60,
            "result": "succeeded",
            "performed_by": "Nadia Benali",
            "notes": "Row counts agree.",
        }

    def incident(self, *acts: str) -> str:
        """A reported incident on which these acts were done."""
        incident_id = str(self._thread.post("incidents", "/v1/incidents", self.report())["incident_id"])
        for act in acts:
            self._thread.act(incident_id, act)
        return incident_id

    def record(self, operation_id: str) -> Request:
        """What records something of the service desk on a new item, or under its contract."""
        item_id = self.incident("resolve") if operation_id == "record_knowledge" else self.incident()
        of_item = {key: body for key, (_, _, body) in desk_records.OF_ITEMS.items()}
        of_item["record_knowledge"] = desk_records.KNOWLEDGE
        if operation_id in of_item:
            return {}, {"item_id": item_id} | dict(of_item[operation_id])
        _, _, body = desk_records.OF_CONTRACTS[operation_id]
        return {}, {"contract_id": self._contract_of(item_id)} | dict(body)

    def recorded(self, *keys: str, body: Any) -> Request:
        """What is done to new records of the service desk whose ids have these names."""
        item_id = self.incident()
        ids = desk_records.one_of_each(self._thread, self._contract_of(item_id), item_id)
        return {key: ids[key] for key in keys}, {key: ids.get(key, value) for key, value in body.items()}

    def _contract_of(self, item_id: str) -> str:
        return str(self._thread.get("incidents", f"/v1/incidents/{item_id}")["contract_id"])

    def _step(self, contract_id: str, step: str, body: Any = None) -> None:
        self._thread.post("contracts", f"/v1/contracts/{contract_id}/{step}", body)

    def _sign(self, contract_id: str, *parties: str) -> None:
        for party in parties:
            self._step(contract_id, "sign", self.consent(contract_id, party))


def repeatable_requests(made: Repeatable | None) -> dict[str, Callable[[], Request]]:
    """Operation id to what makes its request. Without `made`, only the names are good for something."""
    things = made or Repeatable.__new__(Repeatable)
    items = made.items if made is not None else DeskItems.__new__(DeskItems)
    registers = made.registers if made is not None else ContractRegisters.__new__(ContractRegisters)

    def of_contract(status: str, body: Any = None) -> Callable[[], Request]:
        return lambda: ({"contract_id": things.contract(status)}, body)

    def of_amendment(*parties: str) -> Callable[[], Request]:
        return lambda: ({"contract_id": things.amended(*parties)}, None)

    def of_incident(*acts: str) -> Callable[[], Request]:
        return lambda: ({"incident_id": things.incident(*acts)}, {"note": "Seen"})

    def signing() -> Request:
        contract_id = things.contract("proposed")
        return {"contract_id": contract_id}, things.consent(contract_id)

    def signing_an_amendment() -> Request:
        contract_id = things.amended()
        return {"contract_id": contract_id}, things.consent(contract_id, where="amendment")

    def recorded(*keys: str, **body: Any) -> Callable[[], Request]:
        return lambda: things.recorded(*keys, body=body)

    records = {
        operation_id: partial(things.record, operation_id)
        for operation_id in (*desk_records.OF_ITEMS, *desk_records.OF_CONTRACTS, "record_knowledge")
    }

    def overriding() -> Request:
        schedule_id, person_id = things.schedule()
        return {"schedule_id": schedule_id}, override_by(person_id)

    return (
        records
        | items.requests()
        | registers.requests()
        | things.life()
        | contract_hours.requests(lambda: things.thread, lambda: things.contract("active"), things.site)
        # Without hours: those of a month that goes on cannot be closed.
        | contract_invoices.requests(lambda: things.thread, lambda: things.contract("active", hours=None))
        | contract_settlements.requests(lambda: things.thread, lambda: things.contract("active", hours=None))
        | outage_decisions.requests(lambda: things.thread, lambda: things.contract("active"))
        | page_updates.requests(lambda: things.thread, lambda: things.contract("active"), things.report)
        | {
            "save_filter": lambda: ({}, {"name": f"Filter {new_id()}", "filters": {"status": ["open"]}}),
            "revoke_access_grant": recorded("grant_id", reason="A mistake"),
            "answer_access_request": recorded("access_request_id", outcome="given"),
            "begin_access_session": recorded(**desk_records.SESSION, item_id=None, grant_id=None),
            "end_access_session": recorded("access_session_id", done="Read it."),
            "link_feedback": recorded("feedback_id", item_id=None),
            "correct_time_entry": recorded("time_entry_id", instead=None),
            "add_user": lambda: ({}, {"email": f"{new_id()}@agency.example", "name": "Nadia", "role": "operator"}),
            "create_client": lambda: ({}, {"name": "Hôtel du Lac"}),
            "create_contact": lambda: (
                {"client_id": things.client()},
                {"name": "Léa", "email": "lea@client.example", "language": "fr", "roles": ["decider"]},
            ),
            "create_site": lambda: (
                {},
                {
                    "client_id": things.client(),
                    "name": "site.example",
                    "kind": "website",
                    "environments": [{"name": "production", "url": "https://site.example/", "counts_for_sla": True}],
                },
            ),
            "create_environment": lambda: (
                {"site_id": things.site()},
                {"name": "staging", "url": "https://staging.site.example/", "counts_for_sla": False},
            ),
            "create_plan": lambda: ({}, plan()),
            "create_calendar": lambda: ({}, calendar()),
            "create_contract": lambda: ({}, things.draft()),
            "apply_contract_document": lambda: ({}, contract_document()),
            "propose_contract": of_contract("draft"),
            "withdraw_contract": of_contract("proposed"),
            "sign_contract": signing,
            "activate_contract": of_contract("signed"),
            "suspend_contract": of_contract("active", REASON),
            "resume_contract": of_contract("suspended"),
            "terminate_contract": of_contract("active", REASON),
            "propose_amendment": of_contract("active", {"price": {"amount": "650.00"}}),
            "withdraw_amendment": of_amendment(),
            "sign_amendment": signing_an_amendment,
            "apply_amendment": of_amendment("agency", "client"),
            "create_assessment": lambda: ({}, before_signing.assessment(things.client())),
            "create_engagement": lambda: ({}, before_signing.engagement(things.client())),
            "begin_phase": lambda: ({"engagement_id": things.engagement()}, {"number": 1}),
            "complete_phase": lambda: ({"engagement_id": things.engagement(begun=True)}, before_signing.DONE),
            "close_engagement": lambda: ({"engagement_id": things.engagement()}, REASON),
            "create_controlled_document": lambda: ({}, before_signing.clause()),
            "approve_controlled_document_version": lambda: (
                {"controlled_document_id": things.clause(), "number": "1"},
                {"approved_by": "Nadia Benali"},
            ),
            "create_sector_preset": lambda: ({}, offers.preset()),
            "create_promotion": lambda: ({}, offers.promotion()),
            "apply_sector_preset": lambda: (
                {"contract_id": things.contract("draft"), "preset_name": offers.SHIPPED_PRESET},
                None,
            ),
            "create_backup_proof": of_contract("draft", before_signing.PROOF),
            "create_delivery_proof": of_contract("active", before_signing.delivered()),
            "create_maintenance_window": lambda: ({}, planned_work(things.client())),
            "cancel_maintenance_window": lambda: ({"window_id": things.window()}, {"reason": "Done a week earlier"}),
            "create_monitor": lambda: ({}, things.monitor()),
            "create_monitor_group": lambda: ({}, things.group()),
            "import_from_uptime_kuma": lambda: ({}, things.export()),
            "record_restore_verification": lambda: ({}, things.restore()),
            "create_person": lambda: ({}, person_of_the_desk()),
            "create_notification_channel": lambda: ({}, channel_of(things.person())),
            "create_schedule": lambda: ({}, schedule_of(things.person())),
            "create_override": overriding,
            "cancel_override": lambda: (things.override(), None),
            "create_escalation_policy": lambda: ({}, escalation_policy()),
            "report_incident": lambda: ({}, things.report()),
            "log_call": lambda: ({}, things.call()),
            "acknowledge_incident": of_incident(),
            "mitigate_incident": of_incident("acknowledge"),
            "resolve_incident": of_incident("acknowledge"),
            "close_incident": of_incident("acknowledge", "resolve"),
        }
    )


def planned_work(client_id: str) -> dict[str, Any]:
    """A body that schedules two hours of planned work, a year ahead."""
    night = (datetime.now(UTC) + timedelta(days=365)).date()
    return {
        "client_id": client_id,
        "title": "Server upgrade",
        "time_zone": "Europe/Paris",
        "starts": f"{night}T02:00",
        "ends": f"{night}T04:00",
    }


def person_of_the_desk() -> dict[str, Any]:
    """A body that adds a person."""
    return {"name": "Ada Martin", "email": "ada@agency.example", "time_zone": "Europe/Paris", "roles": ["manager"]}


def channel_of(person_id: str) -> dict[str, Any]:
    """A body that adds a channel to which nothing is sent."""
    url = "jsons://hooks.agency.example/alerts"
    return {"person_id": person_id, "name": "Telephone", "url": url, "kinds": ["escalation"], "enabled": False}


def schedule_of(person_id: str) -> dict[str, Any]:
    """A body that makes a schedule of one person who is always there."""
    rotation = {
        "person_ids": [person_id],
        "every": 1,
        "unit": "weeks",
        "starts_on": "2026-01-05",
        "hand_over_at": "09:00",
        "time_zone": "Europe/Paris",
    }
    return {"name": "Operations", "layers": [{"name": "Week", "rotation": rotation}]}


def override_by(person_id: str) -> dict[str, Any]:
    """A body that puts somebody in charge for an hour, a year ahead."""
    begins = datetime.now(UTC) + timedelta(days=365)
    return {
        "person_id": person_id,
        "from": f"{begins:%Y-%m-%dT%H:%M:%SZ}",
        "to": f"{begins + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
    }


def escalation_policy() -> dict[str, Any]:
    """A body that makes a policy of one level."""
    level = {"unacknowledged_minutes": 15, "notify": [{"role": "on_call"}]}
    return {"name": "Reaction", "severities": ["minor"], "levels": [level]}


def watched_pages(site: str) -> dict[str, Any]:
    """Two pages of a site, critical every day of a coming week."""
    day = (datetime.now(UTC) + timedelta(days=30)).date()
    return {
        "pages": [{"name": name.title(), "url": f"{site}/{name}"} for name in ("offers", "booking")],
        "configuration": {"profile": "mobile"},
        "cadence": {"interval_seconds": 3600, "timeout_seconds": 10},
        "critical_periods": [
            {
                "name": "Opening of the season",
                "time_zone": "Europe/Paris",
                "starts": f"{day}T09:00",
                "duration": "PT10H",
                "recurrence": "FREQ=DAILY;COUNT=7",
                "interval_seconds": 1800,
                "response_times": [{"phase": "total", "at_most_ms": 2000}],
            }
        ],
    }


def contract_document() -> dict[str, Any]:
    """A document that drafts a contract of a new client."""
    return {
        "format": "upheld.contract-document/1",
        "key": f"contract-{new_id()}",
        "client": {"name": f"Client {new_id()}"},
        "sites": [],
        "plan": {"code": "premium"},
        "terms": {"starts_on": "2026-06-08", "price": {"amount": "600.00", "currency": "EUR"}},
    }


def plan() -> dict[str, Any]:
    """A body that makes a plan of a new code."""
    return {
        "catalogue": "tiers",
        "code": f"plan_{new_id().hex}",
        "title": {"en": "Plan", "fr": "Formule"},
        "price": {"currency": "EUR", "minimum": "400.00", "maximum": "800.00", "indicative": False},
        "deliverables": [
            {
                "code": "uptime_monitoring",
                "type": "uptime_monitoring",
                "maintenance_type": "preventive",
                "name": {"en": "Monitoring every 30 seconds", "fr": "Surveillance toutes les 30 secondes"},
                "parameters": {"interval_seconds": 30},
                "proof": "check_results",
            }
        ],
    }


def calendar() -> dict[str, Any]:
    """A body that makes a calendar of a new name."""
    return {
        "name": f"calendar_{new_id().hex}",
        "title": {"en": "Business hours", "fr": "Heures ouvrables"},
        "calendar": {
            "time_zone": "Europe/Paris",
            "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}],
            "holidays": {"country": "FR"},
        },
    }
