"""A contract as contracts publishes it, read as far as reactions need it; what we do not know is passed over."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from incidents.adapters.service_desk_state import ServiceDesk
from incidents.application.ports import ContractFacts, Environment, Recipient
from incidents.domain.promises import Metric, ResponseTerms, Terms
from incidents.domain.service_desk_terms import DEFAULT_TERMS, ServiceDeskTerms, contract_rank_of
from incidents.domain.sla_clock import ClockRules
from shared.calendar_schema import CalendarVersions, calendar_history
from shared.kernel.calendar import CalendarHistory
from shared.values import ClockDuration, Instant, TimeZone

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


class Plan(_Tolerant):
    priority: int = 0


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


class Deliverable(_Tolerant):
    code: str
    type: str
    name: dict[str, str] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)


class Target(_Tolerant):
    severity: str
    response: ClockDuration | None = None
    repair: ClockDuration | None = None


class Response(_Tolerant):
    calendar: str
    pausable: frozenset[str] = frozenset()
    rules: Rules = Rules()
    targets: list[Target]


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
    plan: Plan = Plan()
    sites: list[Site] = Field(default_factory=list)
    deliverables: list[Deliverable] = Field(default_factory=list)
    response: Response | None = None
    service_desk: ServiceDesk | None = None
    calendars: dict[str, CalendarVersions] = Field(default_factory=dict)
    alerts: AlertsTo = AlertsTo()
    intervention_modes: frozenset[str] | None = None

    @model_validator(mode="after")
    def _the_calendars_that_it_names_are_there(self) -> Self:
        if self.response is not None and self.response.calendar not in self.calendars:
            raise ValueError(f"response names a calendar that the contract lacks: {self.response.calendar!r}")
        hotline = self.service_desk.hotline_calendar if self.service_desk is not None else None
        if hotline is not None and hotline not in self.calendars:
            raise ValueError(f"service_desk names a calendar that the contract lacks: {hotline!r}")
        return self

    def terms(self) -> Terms:
        """What the clocks need."""
        return Terms(
            version=self.version,
            status=self.status,
            effective_from=self.effective_from,
            response=self._response_terms(),
            service_desk=self._service_desk_terms(),
            calendars=MappingProxyType(
                {name: _calendar(_VERSIONS.dump_json(versions)) for name, versions in self.calendars.items()}
            ),
        )

    def _service_desk_terms(self) -> ServiceDeskTerms:
        if self.service_desk is None:
            return replace(DEFAULT_TERMS, contract_rank=contract_rank_of(self.plan.priority))
        return self.service_desk.terms(self.plan.priority)

    def _response_terms(self) -> ResponseTerms | None:
        if self.response is None:
            return None
        desk = self._service_desk_terms()
        targets = {
            **{(target.severity, Metric.RESPONSE): target.response for target in self.response.targets},
            **{(target.severity, Metric.REPAIR): target.repair for target in self.response.targets},
            **{(severity, Metric.MITIGATION): length for severity, length in desk.mitigation.items()},
            **{(severity, Metric.NEXT_REPLY): length for severity, length in desk.next_reply.items()},
        }
        for_all = {
            Metric.ACCEPTANCE: desk.acceptance_due,
            Metric.POST_MORTEM: desk.post_mortem.due if desk.post_mortem is not None else None,
        }
        rules = self.response.rules
        return ResponseTerms(
            calendar=self.response.calendar,
            pausable=self.response.pausable,
            rules=ClockRules(rules.on_policy_change, rules.on_reopen),
            targets=MappingProxyType({what: length for what, length in targets.items() if length is not None}),
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
            intervention_modes=self.intervention_modes,
            severities=self._named_severities(),
            alerted=tuple(
                Recipient(email, _known_language(spoken.get(email.lower()) or self.client.language), "client")
                for email in self.alerts.emails
            ),
        )

    def _named_severities(self) -> dict[str, Mapping[str, str]]:
        if self.service_desk is None or not self.service_desk.severities:
            return {}
        return {level.code: level.names for level in self._service_desk_terms().severities if level.names}


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


@lru_cache(maxsize=512)
def facts_of(text: str) -> ContractFacts:
    """The same for what people and messages need."""
    return ContractState.model_validate_json(text).facts()
