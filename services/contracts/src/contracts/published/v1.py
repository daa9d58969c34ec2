"""The events that contracts publishes, version 1.

Each carries full state with its aggregate's version, never a difference: whoever has missed one, or gets two in the
wrong order, keeps the one with the higher version and is right about what holds now. Who also needs what held in
between finds by `previous_version` whether an event is still missing.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.published.hours_v1 import HOURS_EVENTS
from contracts.published.invoices_v1 import INVOICE_EVENTS
from contracts.published.messages_v1 import MessageWritten
from contracts.published.registers_v1 import REGISTER_EVENTS
from contracts.published.settlements_v1 import SettlementClosed
from shared.events import EventRegistry, PublishedEvent
from shared.values import Instant, LocalDate


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Texts(_Part):
    """The same words in French and English."""

    fr: str
    en: str


class Agency(_Part):
    """The agency that made the contract."""

    name: str


class ClientParty(_Part):
    """The client that the contract was made with."""

    client_id: UUID
    name: str
    language: Literal["fr", "en"]
    time_zone: str
    currency: str
    country: str


class ContactPerson(_Part):
    """A person at the client."""

    contact_id: UUID
    name: str
    email: str
    language: Literal["fr", "en"]
    roles: list[Literal["decider", "technical", "billing", "staff"]]


class ContractPlan(_Part):
    """The plan that the contract was made from. Higher `priority` is answered first at equal severity."""

    plan_id: UUID
    code: str
    name: Texts
    priority: int


class SiteEnvironment(_Part):
    """Where a site runs. Only what `counts_for_sla` is part of what was promised."""

    environment_id: UUID
    name: str
    url: str
    counts_for_sla: bool


class ContractSite(_Part):
    """A site under contract."""

    site_id: UUID
    name: str
    kind: Literal["website", "web_application", "mobile_application", "api", "back_office"]
    environments: list[SiteEnvironment]


class ContractDeliverable(_Part):
    """One thing promised, with what configures it and the proof that shows that it was delivered."""

    code: str
    type: str
    name: Texts
    maintenance_type: Literal["corrective", "preventive", "evolutionary", "adaptive"]
    proof: str
    parameters: dict[str, Any]


class Monitoring(_Part):
    """How the environments are checked, and how an outage is confirmed before it counts."""

    interval_seconds: int
    timeout_seconds: int
    rechecks: int
    recheck_spacing_seconds: int
    recoveries: int


class SeverityTarget(_Part):
    """ISO 8601 durations; null is no promise of that kind. `severity` is a code of the service desk's."""

    severity: str
    response: str | None
    repair: str | None


class ClockRules(_Part):
    """What a clock does when its incident changes its severity or is opened again."""

    on_policy_change: Literal["retroactive", "restart", "carry_ratio"]
    on_reopen: Literal["resume", "count_through", "new_cycle"]


class ResponseCommitment(_Part):
    """The response commitment: `calendar` names one of the contract's calendars."""

    calendar: str
    pausable: list[str]
    rules: ClockRules
    targets: list[SeverityTarget]


class DeskSeverity(_Part):
    """One severity of the contract; rank 1 is the most urgent one."""

    code: str
    rank: int
    names: Texts
    synonyms: list[str]


class SeverityByImpact(_Part):
    """The severity of what has this impact and this criticality."""

    impact: Literal["availability", "security", "data", "operations"]
    criticality: Literal["low", "medium", "high"]
    severity: str


class DeskPriority(_Part):
    """The contract's place in the queue at equal severity (1 is answered first), and how a severity is found."""

    rank: int
    matrix: list[SeverityByImpact]
    decided_by: list[str] = Field(
        default=["client_decider"], description="Roles that decide the order of the work and judge a severity for good."
    )


class DeskTarget(_Part):
    """ISO 8601 durations, beside those of the response commitment; null is no promise of that kind."""

    severity: str
    mitigation: str | None
    next_reply: str | None


class UrgentQuota(_Part):
    """What is urgent, and how much of the work of a window may be."""

    severities: list[str]
    quota_percent: int
    window_days: int


class PostMortemRule(_Part):
    """What is gone over afterwards: by severity, or what comes back this often within a time."""

    severities: list[str]
    recurrences: int
    within_days: int
    due: str


class Acceptance(_Part):
    """How long the client has to refuse a delivery."""

    due: str


class Backlog(_Part):
    """How many items may wait, and after how many quiet days one is proposed for closing."""

    cap: int
    stale_after_days: int


class FreezePeriod(_Part):
    """Local dates of the client, both included, on which changes need an approval of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    name: str
    from_: LocalDate = Field(alias="from")
    to: LocalDate


class EscalationLevel(_Part):
    """Who is involved next: at a share of the clock; null is by hierarchy, when the level before hands the item up."""

    level: int
    role: str
    percent: int | None


class ServiceDesk(_Part):
    """How the desk works. Lengths are counted in the hours of the response commitment's calendar.

    `hotline_calendar` names one of the contract's calendars; nobody in `assigned_user_ids` means anybody.
    """

    severities: list[DeskSeverity]
    priority: DeskPriority
    targets: list[DeskTarget]
    warnings_percent: list[int]
    urgent: UrgentQuota
    post_mortem: PostMortemRule
    acceptance: Acceptance
    micro_evolution_limit_minutes: int
    change_size_cap_minutes: int
    backlog: Backlog
    freezes: list[FreezePeriod]
    escalation: list[EscalationLevel]
    hotline_calendar: str | None
    assigned_user_ids: list[UUID]
    round_the_clock: bool


class UptimeRule(_Part):
    """How uptime is measured; the keys of the uptime calculator."""

    minimum_outage: str
    whole_minutes: bool
    maintenance: Literal["exclude", "up", "down"]
    unknown: Literal["exclude", "up", "down"]
    degraded_weight: str
    service_window: dict[str, Any] | None


class UptimeCommitment(_Part):
    """The uptime commitment: a target and the rule that it is measured by."""

    target_percent: str
    rule: UptimeRule


class CalendarVersion(_Part):
    """One version of a calendar, in force from `effective_from` (null: since ever)."""

    effective_from: Instant | None
    calendar: dict[str, Any]


class Alerts(_Part):
    """Who is mailed about outages."""

    emails: list[str]


class Colours(_Part):
    """Colours as #rrggbb."""

    primary: str
    background: str
    text: str


class StatusPage(_Part):
    """The public page of the contract."""

    slug: str
    name: str
    logo_url: str | None
    colours: Colours


class PageOfSite(StatusPage):
    """The public page of one site of the contract."""

    site_id: UUID


class Reports(_Part):
    """Which reports are promised."""

    monthly: bool


class Price(_Part):
    """What the contract costs per period."""

    amount: str
    currency: str
    period: Literal["month"]


class ScopeCategory(_Part):
    """A category of requests: in scope, out of it, or to be scoped first."""

    code: str
    name: Texts
    verdict: Literal["in", "out", "needs_scoping"]
    limit_minutes: int | None


class Scope(_Part):
    """What is in scope; a category that is not named is scoped first."""

    categories: list[ScopeCategory]


class ResponsibilityActivity(_Part):
    """Who decides on an activity and who executes it: agency, client, or the code of an actor."""

    code: str
    name: Texts
    side: Literal["agency", "client"]
    decides: str | None
    executes: str | None
    consulted: list[str]
    informed: list[str]


class Responsibilities(_Part):
    """The responsibility matrix."""

    activities: list[ResponsibilityActivity]


class SupportActor(_Part):
    """A level of support: 1 is local, 2 the remote second level."""

    code: str
    name: Texts
    areas: list[str]
    support_level: int


class ContinuityObjective(_Part):
    """RPO, RTO and how often a backup is made, ISO 8601, of one site or of all others."""

    site_id: UUID | None
    rpo: str
    rto: str
    backup_every: str | None


class TermRenewal(_Part):
    """What happens at the end of a term."""

    kind: Literal["tacit", "express", "none"]
    months: int | None


class TermOutline(_Part):
    """The term that runs at `effective_from`; `to` is the first day of what comes after it."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    initial_months: int
    renewal: TermRenewal
    notice_months: int
    from_: LocalDate = Field(alias="from")
    to: LocalDate
    notice_deadline: LocalDate
    alert_on: LocalDate


class IndexationOutline(_Part):
    """The index that the price follows, and the day of every year on which it does."""

    index_name: str
    revised_on: str


class SignedBy(_Part):
    """Who signed for a party, and when."""

    party: Literal["agency", "client"]
    name: str
    signed_at: Instant


class Signature(_Part):
    """What was signed: the SHA-256 of the canonical document, 64 hexadecimal digits."""

    version_hash: str
    signed_at: Instant
    signatories: list[SignedBy]


class CriticalPeriod(_Part):
    """A critical period that goes on or comes next: local days of the client, both included, and as instants.

    Within it the targets of `response` are the stricter ones already; whoever watches pages heeds the rest.
    """

    code: str
    name: Texts
    first_day: LocalDate
    last_day: LocalDate
    starts_at: Instant
    ends_at: Instant
    in_force: bool
    targets_percent: int | None
    page_interval_seconds: int | None
    page_budget_ms: int | None


class HoursLine(_Part):
    """A line of the monthly hours: work of its classes lands here when no line is named."""

    code: str
    name: Texts
    included_minutes: int
    work_classes: list[str]
    channels: list[Literal["portal", "mail", "phone", "chat"]]


class HoursRollover(_Part):
    """What becomes of unused minutes; `months` belongs to `fifo`."""

    policy: Literal["none", "one_period", "fifo"]
    months: int | None


class HoursAccounting(_Part):
    """How minutes are rounded up."""

    unit_minutes: int
    per: Literal["entry", "ticket_day"]


class HoursRate(_Part):
    """What an hour beyond the included ones costs."""

    amount: str
    currency: str


class HoursMultiplier(_Part):
    """How much a minute of a class of work counts."""

    work_class: str
    factor: str


class ContractHours(_Part):
    """The monthly hours. Lines that depend on sites that the contract does not have are left out, of the total too."""

    lines: list[HoursLine]
    total_minutes: int
    pooled: bool
    rollover: HoursRollover
    overage_rate_per_hour: HoursRate
    accounting: HoursAccounting
    overage_cap_minutes: int | None
    thresholds_percent: list[int]
    multipliers: list[HoursMultiplier]
    covered_classes: list[str]


class CreditTier(_Part):
    """What an uptime below a limit credits, in percent of the fee; null is below the commitment's own target."""

    below: str | None
    credit_percent: str


class PenaltyRate(_Part):
    """What each started unit (ISO 8601) of a missed target costs, in percent of the fee; null: every other severity."""

    metric: str
    severity: str | None
    unit: str
    percent_per_started_unit: str
    cap_percent: str | None


class LateRule(_Part):
    """What something that comes late costs: value × days ÷ divisor, nothing up to the exemption, at most the cap."""

    divisor: int
    exempt_up_to: str | None
    cap_percent: str | None


class Remedies(_Part):
    """What missed promises cost the agency; nothing of it is there unless it was agreed. The cap is of the fee."""

    tiers: list[CreditTier]
    targets: list[PenaltyRate]
    late: LateRule | None
    cumulation: Literal["sum", "max"]
    cap_percent: str | None


class ContractState(PublishedEvent):
    """The full effective state of a contract from `effective_from` on."""

    contract_id: UUID
    version: int = Field(ge=1)
    previous_version: int | None = Field(
        default=None,
        ge=1,
        description="Version of the state before this one, in the event before this one: between them lie only "
        "versions that changed nothing in force. Null: this is the first state.",
    )
    number: str
    status: Literal["active", "suspended", "terminated", "expired"]
    effective_from: Instant
    starts_on: LocalDate
    ends_on: LocalDate | None
    agency: Agency
    client: ClientParty
    contacts: list[ContactPerson]
    plan: ContractPlan
    sites: list[ContractSite]
    deliverables: list[ContractDeliverable]
    monitoring: Monitoring | None
    response: ResponseCommitment | None
    uptime: UptimeCommitment | None
    service_desk: ServiceDesk | None = Field(
        default=None, description="Null: the contract was agreed without saying how the desk works."
    )
    hours: ContractHours | None = Field(default=None, description="Null: no monthly hours were agreed.")
    calendars: dict[str, list[CalendarVersion]]
    alerts: Alerts
    status_page: StatusPage | None
    reports: Reports
    price: Price
    signature: Signature
    critical_periods: list[CriticalPeriod] = Field(
        default_factory=list,
        description="Those of the next 400 days. Another state follows whenever one begins or ends.",
    )
    change: (
        Literal[
            "activated",
            "amended",
            "renewed",
            "price_revised",
            "critical_period",
            "suspended",
            "resumed",
            "terminated",
            "expired",
        ]
        | None
    ) = Field(default=None, description="What led to this state.")
    scope: Scope | None = Field(default=None, description="Null, here and below: not agreed.")
    intervention_modes: list[Literal["remote", "on_site"]] | None = None
    responsibilities: Responsibilities | None = None
    support_levels: list[SupportActor] | None = None
    continuity: list[ContinuityObjective] | None = None
    term: TermOutline | None = None
    indexation: IndexationOutline | None = None
    personal_data: bool | None = Field(default=None, description="Whether personal data are processed.")
    remedies: Remedies | None = Field(
        default=None, description="Null: an earlier release told this state. Nothing agreed is an object without rates."
    )
    site_pages: list[PageOfSite] = Field(
        default_factory=list, description="Pages of single sites, beside that of the contract or in its place."
    )


_CONTRACT = "0190b5c8-7d4e-7c3a-9a51-000000000001"
_CLIENT = "0190b5c8-7d4e-7c3a-9a51-000000000002"
_SITE = "0190b5c8-7d4e-7c3a-9a51-000000000003"
_PRODUCTION = "0190b5c8-7d4e-7c3a-9a51-000000000004"
_STAGING = "0190b5c8-7d4e-7c3a-9a51-000000000005"
_CONTACT = "0190b5c8-7d4e-7c3a-9a51-000000000006"
_PLAN = "0190b5c8-7d4e-7c3a-9a51-000000000007"

_RESPONSE: Mapping[str, Any] = {
    "calendar": "around_the_clock",
    "pausable": ["waiting_for_client", "waiting_for_access"],
    "rules": {"on_policy_change": "retroactive", "on_reopen": "resume"},
    "targets": [
        {"severity": "critical", "response": "PT30M", "repair": "PT4H"},
        {"severity": "major", "response": "PT30M", "repair": None},
        {"severity": "minor", "response": "PT30M", "repair": None},
    ],
}
_UPTIME: Mapping[str, Any] = {
    "target_percent": "99.9",
    "rule": {
        "minimum_outage": "PT0S",
        "whole_minutes": False,
        "maintenance": "exclude",
        "unknown": "exclude",
        "degraded_weight": "0",
        "service_window": None,
    },
}
_SERVICE_DESK: Mapping[str, Any] = {
    "severities": [
        {
            "code": "critical",
            "rank": 1,
            "names": {"fr": "bloquant", "en": "critical"},
            "synonyms": ["critique", "blocking", "blocker"],
        },
        {"code": "major", "rank": 2, "names": {"fr": "majeur", "en": "major"}, "synonyms": []},
        {"code": "minor", "rank": 3, "names": {"fr": "mineur", "en": "minor"}, "synonyms": []},
        {"code": "temporary", "rank": 4, "names": {"fr": "temporaire", "en": "temporary"}, "synonyms": []},
    ],
    "priority": {
        "rank": 1,
        "decided_by": ["client_decider"],
        "matrix": [
            {"impact": impact, "criticality": criticality, "severity": severity}
            for impact, severities in (
                ("availability", ("minor", "major", "critical")),
                ("security", ("major", "critical", "critical")),
                ("data", ("major", "major", "critical")),
                ("operations", ("minor", "minor", "major")),
            )
            for criticality, severity in zip(("low", "medium", "high"), severities, strict=True)
        ],
    },
    "targets": [
        {"severity": "critical", "mitigation": "PT2H", "next_reply": "PT1H"},
        {"severity": "major", "mitigation": None, "next_reply": "PT4H"},
    ],
    "warnings_percent": [50, 75, 90],
    "urgent": {"severities": ["critical"], "quota_percent": 20, "window_days": 30},
    "post_mortem": {"severities": ["critical"], "recurrences": 3, "within_days": 30, "due": "PT40H"},
    "acceptance": {"due": "PT45H"},
    "micro_evolution_limit_minutes": 240,
    "change_size_cap_minutes": 2400,
    "backlog": {"cap": 40, "stale_after_days": 60},
    "freezes": [{"name": "Haute saison", "from": "2026-07-15", "to": "2026-08-20"}],
    "escalation": [
        {"level": 1, "role": "on_call", "percent": 50},
        {"level": 2, "role": "manager", "percent": 90},
        {"level": 3, "role": "director", "percent": None},
    ],
    "hotline_calendar": "around_the_clock",
    "assigned_user_ids": ["0190b5c8-7d4e-7c3a-9a51-000000000009"],
    "round_the_clock": True,
}
_HOURS: Mapping[str, Any] = {
    "lines": [
        {
            "code": "technical",
            "name": {"fr": "Maintenance technique", "en": "Technical maintenance"},
            "included_minutes": 120,
            "work_classes": ["dependency_upgrade", "preventive"],
            "channels": [],
        },
        {
            "code": "assistance",
            "name": {"fr": "Assistance & support", "en": "Assistance and support"},
            "included_minutes": 180,
            "work_classes": ["assistance"],
            "channels": ["portal", "mail", "phone"],
        },
    ],
    "total_minutes": 300,
    "pooled": True,
    "rollover": {"policy": "none", "months": None},
    "overage_rate_per_hour": {"amount": "90.00", "currency": "EUR"},
    "accounting": {"unit_minutes": 15, "per": "entry"},
    "overage_cap_minutes": 600,
    "thresholds_percent": [75, 90, 100],
    "multipliers": [{"work_class": "night_work", "factor": "1.5"}],
    "covered_classes": ["framework_rewrite"],
}
_MONITORING: Mapping[str, Any] = {
    "interval_seconds": 30,
    "timeout_seconds": 10,
    "rechecks": 2,
    "recheck_spacing_seconds": 5,
    "recoveries": 1,
}
_CONTACTS: list[Mapping[str, Any]] = [
    {
        "contact_id": _CONTACT,
        "name": "Léa Martin",
        "email": "lea@hotel-du-lac.example",
        "language": "fr",
        "roles": ["decider", "technical"],
    }
]
_ENVIRONMENTS: list[Mapping[str, Any]] = [
    {
        "environment_id": _PRODUCTION,
        "name": "production",
        "url": "https://hotel-du-lac.example/",
        "counts_for_sla": True,
    },
    {
        "environment_id": _STAGING,
        "name": "staging",
        "url": "https://staging.hotel-du-lac.example/",
        "counts_for_sla": False,
    },
]


def _deliverable(code: str, fr: str, en: str, proof: str, **parameters: Any) -> dict[str, Any]:
    return {
        "code": code,
        "type": code,
        "name": {"fr": fr, "en": en},
        "maintenance_type": "corrective" if code == "response_commitment" else "preventive",
        "proof": proof,
        "parameters": parameters,
    }


_STATE: Mapping[str, Any] = {
    "contract_id": _CONTRACT,
    "version": 5,
    "previous_version": None,
    "number": "C-2026-0001",
    "status": "active",
    "effective_from": "2026-06-08T08:00:00Z",
    "starts_on": "2026-06-08",
    "ends_on": None,
    "agency": {"name": "Agence Lumière"},
    "client": {
        "client_id": _CLIENT,
        "name": "Hôtel du Lac",
        "language": "fr",
        "time_zone": "Europe/Paris",
        "currency": "EUR",
        "country": "FR",
    },
    "contacts": _CONTACTS,
    "plan": {"plan_id": _PLAN, "code": "premium", "name": {"fr": "Premium", "en": "Premium"}, "priority": 1},
    "sites": [{"site_id": _SITE, "name": "hotel-du-lac.example", "kind": "website", "environments": _ENVIRONMENTS}],
    "deliverables": [
        _deliverable(
            "uptime_monitoring",
            "Surveillance de disponibilité toutes les 30 secondes",
            "Uptime monitoring every 30 seconds",
            "check_results",
            **_MONITORING,
        ),
        _deliverable(
            "response_commitment",
            "Engagement de réponse",
            "Response commitment",
            "clock_record",
            **_RESPONSE,
        ),
        _deliverable(
            "uptime_commitment",
            "Engagement de disponibilité de 99,9 %",
            "Uptime commitment of 99.9%",
            "uptime_measurement",
            **_UPTIME,
        ),
    ],
    "monitoring": _MONITORING,
    "response": _RESPONSE,
    "uptime": _UPTIME,
    "service_desk": _SERVICE_DESK,
    "hours": _HOURS,
    "calendars": {
        "around_the_clock": [{"effective_from": None, "calendar": {"time_zone": "Europe/Paris", "always": True}}]
    },
    "alerts": {"emails": ["alerts@agency.example"]},
    "status_page": {
        "slug": "hotel-du-lac",
        "name": "Hôtel du Lac",
        "logo_url": "https://hotel-du-lac.example/logo.svg",
        "colours": {"primary": "#1f4e79", "background": "#ffffff", "text": "#1a1a1a"},
    },
    "site_pages": [
        {
            "site_id": _SITE,
            "slug": "hotel-du-lac-booking",
            "name": "Réservation de l'Hôtel du Lac",
            "logo_url": None,
            "colours": {"primary": "#7c2d12", "background": "#ffffff", "text": "#1c1917"},
        }
    ],
    "reports": {"monthly": True},
    "remedies": {
        "tiers": [{"below": None, "credit_percent": "10"}, {"below": "99.0", "credit_percent": "25"}],
        "targets": [
            {
                "metric": "response",
                "severity": None,
                "unit": "PT1H",
                "percent_per_started_unit": "5",
                "cap_percent": "30",
            }
        ],
        "late": None,
        "cumulation": "sum",
        "cap_percent": "50",
    },
    "price": {"amount": "600.00", "currency": "EUR", "period": "month"},
    "signature": {
        "version_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "signed_at": "2026-06-05T15:30:00Z",
        "signatories": [
            {"party": "agency", "name": "Nadia Benali", "signed_at": "2026-06-05T15:00:00Z"},
            {"party": "client", "name": "Léa Martin", "signed_at": "2026-06-05T15:30:00Z"},
        ],
    },
}


class ContractActivated(ContractState, aggregate="contract", name="activated", key="contract_id"):
    """The contract is in force from `effective_from` on: for the first time, or again after a suspension."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = _STATE


class ContractAmended(ContractState, aggregate="contract", name="amended", key="contract_id"):
    """Other terms are in force from `effective_from` on: both parties signed them, or the renewal, the price revision
    or the critical period (`change`) by which they come.
    """

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_STATE,
        "version": 9,
        "previous_version": 5,
        "effective_from": "2026-06-15T08:00:00Z",
        "monitoring": {**_MONITORING, "interval_seconds": 60},
        "deliverables": [
            {**item, "parameters": {**_MONITORING, "interval_seconds": 60}}
            if item["code"] == "uptime_monitoring"
            else item
            for item in _STATE["deliverables"]
        ],
        "price": {"amount": "450.00", "currency": "EUR", "period": "month"},
    }


class ContractSuspended(ContractState, aggregate="contract", name="suspended", key="contract_id"):
    """Nothing is owed from `effective_from` on, until the contract is activated again."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_STATE,
        "version": 10,
        "previous_version": 9,
        "status": "suspended",
        "effective_from": "2026-07-01T08:00:00Z",
    }


class ContractTerminated(ContractState, aggregate="contract", name="terminated", key="contract_id"):
    """The contract has ended for good at `effective_from`: terminated by a party, or expired after its last day."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_STATE,
        "version": 11,
        "previous_version": 10,
        "status": "terminated",
        "effective_from": "2026-08-01T08:00:00Z",
    }


class ContractNoticeDue(PublishedEvent, aggregate="contract", name="notice_due", key="contract_id"):
    """The alert date of a term is reached: notice that is given before `notice_deadline` ends the contract with it."""

    contract_id: UUID
    version: int = Field(ge=1)
    client_id: UUID
    number: str
    renewal: Literal["tacit", "express", "none"]
    term_from: LocalDate
    term_to: LocalDate = Field(description="The first day of what comes after the term.")
    notice_deadline: LocalDate
    alert_on: LocalDate

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "contract_id": _CONTRACT,
        "version": 12,
        "client_id": _CLIENT,
        "number": "C-2026-0001",
        "renewal": "tacit",
        "term_from": "2026-06-08",
        "term_to": "2027-06-08",
        "notice_deadline": "2027-03-08",
        "alert_on": "2027-02-15",
    }


class ClientChanged(PublishedEvent, aggregate="client", name="changed", key="client_id"):
    """A client as it is now, with the people there. Contracts that are signed keep what was signed."""

    client_id: UUID
    version: int = Field(ge=1)
    name: str
    language: Literal["fr", "en"]
    time_zone: str
    currency: str
    country: str
    contacts: list[ContactPerson]

    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_STATE["client"], "version": 2, "contacts": _CONTACTS}


class SiteChanged(PublishedEvent, aggregate="site", name="changed", key="site_id"):
    """A site as it is now, with its environments."""

    site_id: UUID
    client_id: UUID
    version: int = Field(ge=1)
    name: str
    kind: Literal["website", "web_application", "mobile_application", "api", "back_office"]
    environments: list[SiteEnvironment]

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "site_id": _SITE,
        "client_id": _CLIENT,
        "version": 2,
        "name": "hotel-du-lac.example",
        "kind": "website",
        "environments": _ENVIRONMENTS,
    }


class MaintenanceOccurrence(_Part):
    """One stretch `[starts_at, ends_at)` of planned work."""

    starts_at: Instant
    ends_at: Instant


class MaintenanceState(PublishedEvent):
    """A maintenance window as it is now, with every occurrence: nobody else has to know about zones and recurrence.

    It covers the sites and environments that it names, or all that the client has when it names none. `starts`, `ends`
    and `recurrence` are local time, for people.
    """

    window_id: UUID
    client_id: UUID
    version: int = Field(ge=1)
    status: Literal["scheduled", "cancelled"]
    title: str
    description: str
    site_ids: list[UUID]
    environment_ids: list[UUID]
    time_zone: str
    starts: str
    ends: str
    recurrence: str | None
    cancelled_at: Instant | None
    occurrences: list[MaintenanceOccurrence]


_WINDOW: Mapping[str, Any] = {
    "window_id": "0190b5c8-7d4e-7c3a-9a51-000000000008",
    "client_id": _CLIENT,
    "version": 1,
    "status": "scheduled",
    "title": "Montée de version du serveur",
    "description": "Redémarrage, puis vérification des formulaires.",
    "site_ids": [],
    "environment_ids": [_PRODUCTION],
    "time_zone": "Europe/Paris",
    "starts": "2026-06-10T02:00",
    "ends": "2026-06-10T04:00",
    "recurrence": "FREQ=WEEKLY;COUNT=2",
    "cancelled_at": None,
    "occurrences": [
        {"starts_at": "2026-06-10T00:00:00Z", "ends_at": "2026-06-10T02:00:00Z"},
        {"starts_at": "2026-06-17T00:00:00Z", "ends_at": "2026-06-17T02:00:00Z"},
    ],
}


class MaintenanceScheduled(MaintenanceState, aggregate="maintenance", name="scheduled", key="window_id"):
    """Work is planned."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = _WINDOW


class MaintenanceCancelled(MaintenanceState, aggregate="maintenance", name="cancelled", key="window_id"):
    """Planned work is called off at `cancelled_at`: the occurrences that are left are those that have been."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_WINDOW,
        "version": 2,
        "status": "cancelled",
        "cancelled_at": "2026-06-10T01:00:00Z",
        "occurrences": [{"starts_at": "2026-06-10T00:00:00Z", "ends_at": "2026-06-10T01:00:00Z"}],
    }


registry = EventRegistry(
    "contracts",
    [
        ContractActivated,
        ContractAmended,
        ContractSuspended,
        ContractTerminated,
        ContractNoticeDue,
        ClientChanged,
        SiteChanged,
        MaintenanceScheduled,
        MaintenanceCancelled,
        MessageWritten,
        *REGISTER_EVENTS,
        *INVOICE_EVENTS,
        *HOURS_EVENTS,
        SettlementClosed,
    ],
)
