"""The kinds of things that a plan can promise, and the parameters that each kind is configured with."""

from typing import Annotated, Any, Literal, Self, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from contracts.application.commitments import Interval, ResponseCommitment, UptimeCommitment
from contracts.application.hours_terms import HoursPackage
from contracts.application.sectors import AuditExportTerms, DataQuality, EvolutionCycle, WatchedExports, WatchedPages
from contracts.application.values import Code, Duration, Request, Texts
from contracts.domain.catalogue import Deliverable

MaintenanceType = Literal["corrective", "preventive", "evolutionary", "adaptive"]
Frequency = Literal["weekly", "monthly", "quarterly", "yearly"]
Proof = Literal[
    "check_results",
    "notification_log",
    "published_report",
    "work_order",
    "status_page",
    "access_log",
    "incident_record",
    "clock_record",
    "certificate_results",
    "performance_results",
    "review_document",
    "uptime_measurement",
    "restore_test",
    "request_record",
    "change_record",
    "backlog_record",
    "decision_record",
    "audit_log",
    "hours_ledger",
]
Count: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=20, json_schema_extra={"format": "int32"})]
Days: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=3650, json_schema_extra={"format": "int32"})]


class Nothing(Request):
    """Nothing to configure."""


class UptimeMonitoring(Request):
    """How often a site is checked, and how an outage is confirmed before it counts."""

    interval_seconds: Interval
    timeout_seconds: Annotated[int, Field(strict=True, ge=1, le=120, json_schema_extra={"format": "int32"})] = 10
    rechecks: Count = 2
    recheck_spacing_seconds: Annotated[
        int, Field(strict=True, ge=1, le=3600, json_schema_extra={"format": "int32"})
    ] = 5
    recoveries: Annotated[int, Field(strict=True, ge=1, le=20, json_schema_extra={"format": "int32"})] = 1

    @model_validator(mode="after")
    def _an_answer_fits_into_the_interval(self) -> Self:
        if self.timeout_seconds >= self.interval_seconds:
            raise ValueError("timeout_seconds must be shorter than interval_seconds")
        return self


class MailAlerts(Request):
    """Mail when an outage is confirmed, and when it is over."""

    on_recovery: StrictBool = True


class Recurring(Request):
    """Something that is done again and again."""

    frequency: Frequency


class Report(Request):
    """A report at the end of every period."""

    frequency: Frequency = "monthly"
    sections: list[Code] = Field(default_factory=list, max_length=20)


class StatusPageParameters(Request):
    """A public page that says whether the site is up."""

    branded: StrictBool = False
    custom_domain: StrictBool = False


class PriorityResponse(Request):
    """The place in the queue at equal severity: higher is answered first."""

    priority: Annotated[int, Field(strict=True, ge=1, le=9, json_schema_extra={"format": "int32"})] = 1


class CertificateMonitoring(Request):
    """How many days before a certificate expires somebody is told."""

    warn_days: list[Days] = Field(default_factory=lambda: [30, 14, 7], min_length=1, max_length=10)


class Support(Request):
    """Where requests are taken."""

    channels: list[Literal["portal", "mail", "phone", "chat"]] = Field(min_length=1, max_length=4)


class Prioritization(Request):
    """How a backlog is kept from growing for ever."""

    backlog_cap: Annotated[int, Field(strict=True, ge=1, le=1000, json_schema_extra={"format": "int32"})]
    maximum_age_days: Days


class EscalationStep(Request):
    """Whom to involve when an incident has lasted this long."""

    after: Duration
    to: Texts


class EscalationPath(Request):
    """The steps of an escalation, in their order."""

    steps: list[EscalationStep] = Field(min_length=1, max_length=10)


class Traceability(Request):
    """How long records are kept for audits."""

    retention_days: Days


DeliverableType = Literal[
    "uptime_monitoring",
    "mail_alerts",
    "team_alerts",
    "uptime_report",
    "monthly_report",
    "cms_updates",
    "status_page",
    "portal_access",
    "priority_response",
    "incident_record",
    "certificate_monitoring",
    "performance_monitoring",
    "performance_review",
    "response_commitment",
    "uptime_commitment",
    "security_hardening",
    "controlled_updates",
    "backup_restoration",
    "targeted_fixes",
    "scoped_support",
    "performance_stabilization",
    "scoped_increments",
    "usage_feedback",
    "structured_prioritization",
    "availability_management",
    "escalation_path",
    "controlled_deployments",
    "regular_reporting",
    "enhanced_traceability",
    "watched_pages",
    "export_check",
    "data_quality_check",
    "audit_export",
    "evolution_cycle",
    "hours_package",
]

PARAMETERS: dict[str, type[BaseModel]] = {
    "uptime_monitoring": UptimeMonitoring,
    "mail_alerts": MailAlerts,
    "team_alerts": Nothing,
    "uptime_report": Report,
    "monthly_report": Report,
    "cms_updates": Recurring,
    "status_page": StatusPageParameters,
    "portal_access": Nothing,
    "priority_response": PriorityResponse,
    "incident_record": Nothing,
    "certificate_monitoring": CertificateMonitoring,
    "performance_monitoring": Nothing,
    "performance_review": Recurring,
    "response_commitment": ResponseCommitment,
    "uptime_commitment": UptimeCommitment,
    "security_hardening": Nothing,
    "controlled_updates": Recurring,
    "backup_restoration": Recurring,
    "targeted_fixes": Nothing,
    "scoped_support": Support,
    "performance_stabilization": Recurring,
    "scoped_increments": Nothing,
    "usage_feedback": Recurring,
    "structured_prioritization": Prioritization,
    "availability_management": Nothing,
    "escalation_path": EscalationPath,
    "controlled_deployments": Nothing,
    "regular_reporting": Report,
    "enhanced_traceability": Traceability,
    "watched_pages": WatchedPages,
    "export_check": WatchedExports,
    "data_quality_check": DataQuality,
    "audit_export": AuditExportTerms,
    "evolution_cycle": EvolutionCycle,
    "hours_package": HoursPackage,
}
"""The model of every kind's parameters."""

assert set(PARAMETERS) == set(get_args(DeliverableType))


def checked_parameters(kind: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters with their defaults filled in, as JSON values. Raises pydantic.ValidationError."""
    return PARAMETERS[kind].model_validate(parameters).model_dump(mode="json", by_alias=True)


class PlanDeliverable(Request):
    """One thing that a plan promises, with what configures it and the proof that shows it was delivered."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "code": "uptime_monitoring",
                    "type": "uptime_monitoring",
                    "name": {"fr": "Surveillance toutes les 30 secondes", "en": "Monitoring every 30 seconds"},
                    "maintenance_type": "preventive",
                    "proof": "check_results",
                    "parameters": {"interval_seconds": 30},
                }
            ]
        },
    )

    code: Code = Field(
        description="Name of the deliverable within the plan; one with an inherited code replaces the inherited one.",
        examples=["uptime_monitoring"],
    )
    type: DeliverableType
    name: Texts
    maintenance_type: MaintenanceType
    proof: Proof
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict,
        max_length=50,
        description="What configures it; GET /v1/deliverable-types describes the parameters of each type.",
    )

    @model_validator(mode="after")
    def _parameters_fit_the_type(self) -> Self:
        try:
            self.parameters = checked_parameters(self.type, self.parameters)
        except ValidationError as error:
            raise _within_parameters(error) from None
        return self

    def as_value(self) -> Deliverable:
        """The deliverable as the domain knows it."""
        return Deliverable(
            code=self.code,
            type=self.type,
            name=self.name.model_dump(),
            maintenance_type=self.maintenance_type,
            proof=self.proof,
            parameters=self.parameters,
        )

    @classmethod
    def of(cls, deliverable: Deliverable) -> "PlanDeliverable":
        """The deliverable as it is shown and stored."""
        return cls.model_validate(
            {
                "code": deliverable.code,
                "type": deliverable.type,
                "name": deliverable.name,
                "maintenance_type": deliverable.maintenance_type,
                "proof": deliverable.proof,
                "parameters": deliverable.parameters,
            }
        )


def _within_parameters(error: ValidationError) -> ValidationError:
    """The same faults one level deeper: the pointer then leads to the value that the caller sent."""
    return ValidationError.from_exception_data(
        error.title,
        [
            InitErrorDetails(
                type=PydanticCustomError("parameter", "{message}", {"message": fault["msg"]}),
                loc=("parameters", *fault["loc"]),
                input=fault["input"],
            )
            for fault in error.errors(include_url=False)
        ],
    )
