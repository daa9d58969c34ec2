"""What reporting knows of others' facts: the part of their events that reports and pages are made of.

Tolerant on purpose: unknown keys are ignored, so that a publisher may add. The same models read what was stored.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Language: TypeAlias = str
Texts: TypeAlias = Mapping[Language, str]
"""One text per language code."""


class Fact(BaseModel):
    """Base of what is read from events."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Environment(Fact):
    """Where a site runs. Only those that count are promised an uptime and shown in public."""

    environment_id: UUID
    name: str
    url: str
    counts_for_sla: bool


class Site(Fact):
    """A system under contract."""

    site_id: UUID
    name: str
    kind: str
    environments: tuple[Environment, ...] = ()


class Agency(Fact):
    """Who maintains."""

    name: str


class Client(Fact):
    """For whom; his zone decides when a month begins."""

    client_id: UUID
    name: str
    language: Language
    time_zone: str
    currency: str | None = None


class Plan(Fact):
    """What the contract applies."""

    code: str
    name: Texts


class UptimeRule(Fact):
    """How uptime is computed, with exactly the keys of the uptime calculator."""

    minimum_outage: str
    whole_minutes: bool
    maintenance: Literal["exclude", "up", "down"]
    unknown: Literal["exclude", "up", "down"]
    degraded_weight: str
    service_window: Mapping[str, Any] | None


class UptimeCommitment(Fact):
    """A target percentage (decimal string) with its rule."""

    target_percent: str
    rule: UptimeRule


class Colours(Fact):
    """A brand's colours, as given; what is not `#rrggbb` is not used."""

    primary: str | None = None
    background: str | None = None
    text: str | None = None


class StatusPage(Fact):
    """How the public page of a contract looks and where it is."""

    slug: str
    name: str
    logo_url: str | None = None
    colours: Colours | None = None


class PageOfSite(StatusPage):
    """The public page of one site of a contract."""

    site_id: UUID


class AgreedLine(Fact):
    """A line of the monthly hours."""

    code: str
    name: Texts
    included_minutes: int


class AgreedHours(Fact):
    """The monthly hours."""

    lines: tuple[AgreedLine, ...] = ()


class Contact(Fact):
    """A person at the client."""

    contact_id: UUID
    name: str
    email: str
    language: Language
    roles: tuple[str, ...] = ()


class Severity(Fact):
    """One of the severities of a contract, with what it calls it; rank 1 is the most urgent one."""

    code: str
    rank: int
    names: Texts


class ServiceDesk(Fact):
    """How the desk that serves the contract works, as far as it is shown."""

    severities: tuple[Severity, ...] = ()


class Deliverable(Fact):
    """A thing that is promised; of what configures it only how often, where it comes back."""

    type: str
    parameters: Mapping[str, Any] = {}

    @property
    def frequency(self) -> str | None:
        """`weekly`, `monthly`, `quarterly`, `yearly`; null where it does not say."""
        return self.parameters.get("frequency")


class Reports(Fact):
    """Which reports are promised."""

    monthly: bool = True


class ContractState(Fact):
    """A contract as one of its events says it."""

    contract_id: UUID
    version: int
    number: str
    status: Literal["active", "suspended", "terminated", "expired"]
    effective_from: AwareDatetime
    starts_on: date
    ends_on: date | None
    agency: Agency
    client: Client
    contacts: tuple[Contact, ...] = ()
    plan: Plan
    sites: tuple[Site, ...] = ()
    deliverables: tuple[Deliverable, ...] = ()
    uptime: UptimeCommitment | None = None
    hours: AgreedHours | None = None
    status_page: StatusPage | None = None
    site_pages: tuple[PageOfSite, ...] = ()
    reports: Reports = Reports()
    service_desk: ServiceDesk | None = None

    @property
    def pages(self) -> Sequence[StatusPage]:
        """The public pages of the contract: that of everything first, then those of single sites."""
        return [*([] if self.status_page is None else [self.status_page]), *self.site_pages]

    def page_at(self, slug: str) -> StatusPage | None:
        """The page that the contract shows at an address."""
        return next((page for page in self.pages if page.slug == slug), None)

    def sites_at(self, slug: str) -> Sequence[Site]:
        """The sites that the contract shows at an address: all of them, or the one whose page it is."""
        page = self.page_at(slug)
        if isinstance(page, PageOfSite):
            return [site for site in self.sites if site.site_id == page.site_id]
        return self.sites if page is not None else ()

    @property
    def severities(self) -> Sequence[Severity]:
        """The severities that the contract says what it calls, the most urgent first."""
        listed = self.service_desk.severities if self.service_desk is not None else ()
        return sorted(listed, key=lambda each: each.rank)

    def severity_names(self, code: str) -> Texts:
        """What the contract calls a severity; empty where it does not say."""
        return next((each.names for each in self.severities if each.code == code), {})


class ActorFact(Fact):
    """Who did something."""

    kind: str
    id: str
    name: str


class Stamp(Fact):
    """When something happened to an incident, and who said so."""

    at: AwareDatetime
    actor: ActorFact | None = None


class Source(Fact):
    """Where an incident comes from."""

    kind: str
    outage_id: UUID | None = None
    monitor_id: UUID | None = None


class ClockFact(Fact):
    """Something that happened to a clock."""

    kind: str
    at: AwareDatetime


class IncidentClock(Fact):
    """One target applied to one incident, as the incident's last event shows it; metrics may be added."""

    clock_id: UUID
    metric: str
    policy: str
    target_seconds: float
    state: str
    due_at: AwareDatetime | None = None
    breach_after: AwareDatetime | None = None
    elapsed_seconds: float | None = None
    verdict: Literal["met", "breached"] | None = None
    clock_version: int = 0
    """The version of the newest event of the clock's own that this reading knows of."""
    facts: tuple[ClockFact, ...] | None = None
    """All that happened to it; null in what releases before it said."""


class Timestamps(Fact):
    """The instants of an incident's life."""

    first_failure: Stamp | None = None
    detected: Stamp | None = None
    opened: Stamp | None = None
    alerted: Stamp | None = None
    acknowledged: Stamp | None = None
    mitigated: Stamp | None = None
    monitoring_paused: Stamp | None = None
    recovered: Stamp | None = None
    resolved: Stamp | None = None
    closed: Stamp | None = None
    reopened: Stamp | None = None


STAMPS: Final = tuple(name for name in Timestamps.model_fields if name != "reopened")
"""The instants that are told of an incident: what began its present cycle only says which they are."""
ENDS: Final = ("recovered", "monitoring_paused", "resolved", "closed")
"""The instants that end what is known of an incident's length: at a pause of its monitor nobody looks any more."""


class IncidentState(Fact):
    """An incident as one of its events says it."""

    incident_id: UUID
    number: str
    version: int
    contract_id: UUID
    client_id: UUID
    site_id: UUID | None = None
    environment_id: UUID | None = None
    counts_for_sla: bool = True
    source: Source
    title: str
    severity: str
    status: Literal["open", "acknowledged", "mitigated", "resolved", "closed"]
    timestamps: Timestamps
    clocks: tuple[IncidentClock, ...] = ()

    @property
    def began_at(self) -> datetime | None:
        """When what was wrong began, as far as anybody said: its first failing check, else its detection or opening."""
        stamps = self.timestamps
        for stamp in (stamps.first_failure, stamps.detected, stamps.opened):
            if stamp is not None:
                return stamp.at
        return None

    @property
    def lasts_from(self) -> datetime | None:
        """When it began to be wrong in its present cycle: one that was reopened lasts again from then on."""
        reopened = self.timestamps.reopened
        return self.began_at if reopened is None else reopened.at

    @property
    def ended_at(self) -> datetime | None:
        """When it was over: service back, no longer observed, or work declared done, whichever came first."""
        stamps = (getattr(self.of_its_cycle.timestamps, name) for name in ENDS)
        return min((stamp.at for stamp in stamps if stamp is not None), default=None)

    @property
    def of_its_cycle(self) -> "IncidentState":
        """The same without what was heard late of the time before it was reopened: that does not end it now."""
        reopened = self.timestamps.reopened
        if reopened is None:
            return self
        before = {
            name: None
            for name in ENDS
            if (stamp := getattr(self.timestamps, name)) is not None and stamp.at < reopened.at
        }
        return self.model_copy(update={"timestamps": self.timestamps.model_copy(update=before)})


class KnownContract(Fact):
    """One stored version of a contract, with the event that said it."""

    tenant_id: UUID
    version: int
    event_id: UUID
    state: ContractState


class Names(Fact):
    """The newest names: a contract keeps those of the day it was said."""

    clients: Mapping[UUID, str] = Field(default_factory=dict)
    sites: Mapping[UUID, str] = Field(default_factory=dict)
    environments: Mapping[UUID, str] = Field(default_factory=dict)


class KnownIncident(Fact):
    """An incident with the events that made it and the verdicts that its clocks announced on their own.

    `words` and `verdicts` are all that was said of it and by its clocks, by version, where it was reopened or something
    was said of it after the time that was asked for: the newest state is not that of then. Else they are empty.
    `lasted_before`: how long it had lasted when it was reopened, if it was.
    """

    state: IncidentState
    events: tuple[UUID, ...]
    announced: Mapping[UUID, "AnnouncedVerdict"] = Field(default_factory=dict)
    words: tuple["IncidentWord", ...] = ()
    verdicts: tuple["AnnouncedVerdict", ...] = ()
    lasted_before: timedelta = timedelta()


class IncidentWord(Fact):
    """An incident as one of its events tells it, and when that was said."""

    event_id: UUID
    at: AwareDatetime
    state: IncidentState


class AnnouncedVerdict(Fact):
    """What a clock said by itself; with a higher version than its incident's event knows of, it is the newer."""

    clock_id: UUID
    version: int
    verdict: Literal["met", "breached"]
    at: AwareDatetime
    event_id: UUID
