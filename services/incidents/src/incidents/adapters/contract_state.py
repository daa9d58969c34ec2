"""A contract as contracts publishes it, read as far as reactions need it; what we do not know is passed over."""

from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from incidents.application.ports import ContractFacts, Environment, Recipient
from incidents.domain.promises import Metric, ResponseTerms, Terms
from incidents.domain.service_desk import Freeze, PostMortem, ServiceDesk, SeverityWord, Urgent
from incidents.domain.sla_clock import ClockRules
from incidents.domain.work_item import Criticality, Impact
from shared.calendar_schema import CalendarVersions, calendar_history
from shared.kernel.calendar import CalendarHistory
from shared.values import ClockDuration, Instant, LocalDate, TimeZone

LANGUAGES = ("en", "fr")


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Client(_Tolerant):
    client_id: UUID
    name: str
    language: str
    time_zone: TimeZone


class Contact(_Tolerant):
    email: str | None = None
    language: str | None = None


class SiteEnvironment(_Tolerant):
    environment_id: UUID
    name: str
    counts_for_sla: bool


class Site(_Tolerant):
    site_id: UUID
    name: str
    environments: list[SiteEnvironment]


class Rules(_Tolerant):
    on_policy_change: Literal["retroactive", "restart", "carry_ratio"] = "retroactive"
    on_reopen: Literal["resume", "count_through", "new_cycle"] = "resume"


class Target(_Tolerant):
    severity: str
    response: ClockDuration | None = None
    repair: ClockDuration | None = None


class Response(_Tolerant):
    calendar: str
    pausable: frozenset[str] = frozenset()
    rules: Rules = Rules()
    targets: list[Target]


class DeskSeverity(_Tolerant):
    code: str
    rank: int
    names: dict[str, str] = Field(default_factory=dict)
    synonyms: list[str] = Field(default_factory=list)

    def word(self) -> SeverityWord:
        """The severity with every word that people use for it."""
        words = {word.strip().casefold() for word in (*self.names.values(), *self.synonyms)}
        return SeverityWord(self.code, self.rank, frozenset(words))


class MatrixEntry(_Tolerant):
    impact: Impact
    criticality: Criticality
    severity: str


class Priority(_Tolerant):
    rank: int | None = None
    matrix: list[MatrixEntry] | None = None
    decided_by: frozenset[str] | None = None


class DeskTarget(_Tolerant):
    severity: str
    mitigation: ClockDuration | None = None
    next_reply: ClockDuration | None = None


class UrgentTerms(_Tolerant):
    severities: frozenset[str]
    quota_percent: int = Field(ge=0)
    window_days: int = Field(ge=1)


class PostMortemTerms(_Tolerant):
    severities: frozenset[str] = frozenset()
    recurrences: int | None = None
    within_days: int = 30
    due: ClockDuration | None = None


class AcceptanceTerms(_Tolerant):
    due: ClockDuration


class BacklogTerms(_Tolerant):
    cap: int = 40
    stale_after_days: int = 60


class FreezeTerms(_Tolerant):
    name: str
    first: LocalDate = Field(alias="from")
    last: LocalDate = Field(alias="to")


class ServiceDeskTerms(_Tolerant):
    """The service desk of a contract version; what is absent has the default of `domain.service_desk`, or is not."""

    severities: list[DeskSeverity] | None = None
    priority: Priority = Priority()
    targets: list[DeskTarget] = Field(default_factory=list)
    warnings_percent: list[Annotated[int, Field(ge=1)]] | None = None
    urgent: UrgentTerms | None = None
    post_mortem: PostMortemTerms | None = None
    acceptance: AcceptanceTerms | None = None
    micro_evolution_limit_minutes: int | None = None
    change_size_cap_minutes: int | None = None
    backlog: BacklogTerms = BacklogTerms()
    freezes: list[FreezeTerms] = Field(default_factory=list)
    assigned_user_ids: frozenset[UUID] = frozenset()

    def desk(self, zone: ZoneInfo) -> ServiceDesk:
        """As the rules know it; `zone` is the client's, in which the days of a freeze lie."""
        given = {
            "severities": tuple(each.word() for each in self.severities) if self.severities else None,
            "matrix": self.priority.matrix
            and MappingProxyType({(each.impact, each.criticality): each.severity for each in self.priority.matrix}),
            "decided_by": self.priority.decided_by,
            "warnings_percent": tuple(sorted(set(self.warnings_percent)))
            if self.warnings_percent is not None
            else None,
            "urgent": self.urgent
            and Urgent(self.urgent.severities, self.urgent.quota_percent, timedelta(days=self.urgent.window_days)),
            "post_mortem": self.post_mortem
            and PostMortem(
                self.post_mortem.severities,
                self.post_mortem.recurrences,
                timedelta(days=self.post_mortem.within_days),
            ),
            "micro_evolution_limit_minutes": self.micro_evolution_limit_minutes,
            "change_size_cap_minutes": self.change_size_cap_minutes,
        }
        return ServiceDesk(
            **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
            backlog_cap=self.backlog.cap,
            stale_after=timedelta(days=self.backlog.stale_after_days),
            freezes=tuple(Freeze(each.name, each.first, each.last) for each in self.freezes),
            assigned_user_ids=self.assigned_user_ids,
            zone=zone,
        )


class Plan(_Tolerant):
    priority: int | None = None


class AlertsTo(_Tolerant):
    emails: list[str] = Field(default_factory=list)


class ContractState(_Tolerant):
    """One version of a contract."""

    contract_id: UUID
    version: int = Field(ge=0)
    number: str
    status: Literal["active", "suspended", "terminated", "expired"]
    effective_from: Instant
    client: Client
    contacts: list[Contact] = Field(default_factory=list)
    sites: list[Site] = Field(default_factory=list)
    response: Response | None = None
    calendars: dict[str, CalendarVersions] = Field(default_factory=dict)
    alerts: AlertsTo = AlertsTo()
    plan: Plan | None = None
    service_desk: ServiceDeskTerms | None = None

    @model_validator(mode="after")
    def _the_calendar_of_the_response_is_there(self) -> Self:
        if self.response is not None and self.response.calendar not in self.calendars:
            raise ValueError(f"response names a calendar that the contract lacks: {self.response.calendar!r}")
        return self

    def terms(self) -> Terms:
        """What the clocks need."""
        return Terms(
            version=self.version,
            status=self.status,
            effective_from=self.effective_from,
            response=self._response_terms(),
            calendars=MappingProxyType(
                {name: _calendar(_VERSIONS.dump_json(versions)) for name, versions in self.calendars.items()}
            ),
            desk=(self.service_desk or ServiceDeskTerms()).desk(self.client.time_zone),
        )

    def _response_terms(self) -> ResponseTerms | None:
        if self.response is None:
            return None
        targets = {}
        for target in self.response.targets:
            for metric, length in ((Metric.RESPONSE, target.response), (Metric.REPAIR, target.repair)):
                if length is not None:
                    targets[target.severity, metric] = length
        desk = self.service_desk or ServiceDeskTerms()
        for wanted in desk.targets:
            for metric, length in ((Metric.MITIGATION, wanted.mitigation), (Metric.NEXT_REPLY, wanted.next_reply)):
                if length is not None:
                    targets[wanted.severity, metric] = length
        for_all = {
            Metric.ACCEPTANCE: desk.acceptance.due if desk.acceptance else None,
            Metric.POST_MORTEM: desk.post_mortem.due if desk.post_mortem else None,
        }
        rules = self.response.rules
        return ResponseTerms(
            calendar=self.response.calendar,
            pausable=self.response.pausable,
            rules=ClockRules(rules.on_policy_change, rules.on_reopen),
            targets=MappingProxyType(targets),
            for_all=MappingProxyType({metric: due for metric, due in for_all.items() if due is not None}),
        )

    def facts(self) -> ContractFacts:
        """What people and messages need. A recipient who is a contact reads his own language, others the client's."""
        spoken = {contact.email.lower(): contact.language for contact in self.contacts if contact.email}
        return ContractFacts(
            contract_id=self.contract_id,
            client_id=self.client.client_id,
            version=self.version,
            number=self.number,
            client_name=self.client.name,
            time_zone=self.client.time_zone.key,
            sites={site.site_id: site.name for site in self.sites},
            environments={
                environment.environment_id: Environment(site.site_id, environment.name, environment.counts_for_sla)
                for site in self.sites
                for environment in site.environments
            },
            alerted=tuple(
                Recipient(email, _known_language(spoken.get(email.lower()) or self.client.language), "client")
                for email in self.alerts.emails
            ),
        )


def _known_language(language: str) -> str:
    base = language.lower().partition("-")[0]
    return base if base in LANGUAGES else "en"


_VERSIONS: TypeAdapter[CalendarVersions] = TypeAdapter(CalendarVersions)


@lru_cache(maxsize=512)
def _calendar(versions: bytes) -> CalendarHistory:
    """Calendars remember the days that they computed: the same text gives the same object, across clocks."""
    return calendar_history(_VERSIONS.validate_json(versions))


@lru_cache(maxsize=512)
def terms_of(text: str) -> Terms:
    """The terms of a stored state, given as its JSON text. Stored versions never change, so this is remembered."""
    return ContractState.model_validate_json(text).terms()
