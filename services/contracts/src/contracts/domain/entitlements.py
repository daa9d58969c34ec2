"""What deliverables configure: the typed promises of a contract, as the services that keep them need to know them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from contracts.domain.catalogue import Deliverable

MONITORING = "uptime_monitoring"
MAIL_ALERTS = "mail_alerts"
STATUS_PAGE = "status_page"
RESPONSE = "response_commitment"
UPTIME = "uptime_commitment"
HOURS = "hours_package"
PRIORITY = "priority_response"
REPORTS = frozenset({"uptime_report", "monthly_report", "regular_reporting"})


def parameters_of(deliverables: Iterable[Deliverable], wanted: str) -> Mapping[str, Any] | None:
    """The parameters of the first deliverable of a type; None when nothing of that type is promised."""
    return next((item.parameters for item in deliverables if item.type == wanted), None)


def promises(deliverables: Iterable[Deliverable], wanted: str) -> bool:
    """Whether something of this type is promised."""
    return parameters_of(deliverables, wanted) is not None


def priority_of(deliverables: Iterable[Deliverable]) -> int:
    """The place in the queue at equal severity: higher is answered first; 0 when no priority is promised."""
    parameters = parameters_of(deliverables, PRIORITY)
    return int(parameters["priority"]) if parameters else 0


def monthly_report_promised(deliverables: Iterable[Deliverable]) -> bool:
    """Whether the client gets a report every month."""
    return any(item.type in REPORTS and item.parameters.get("frequency") == "monthly" for item in deliverables)


def with_overrides(
    deliverables: Iterable[Deliverable], overrides: Mapping[str, Mapping[str, Any]]
) -> tuple[Deliverable, ...]:
    """The deliverables with the contract's own values over the plan's: code to parameters, key by key."""
    return tuple(
        replace(item, parameters={**item.parameters, **overrides[item.code]}) if item.code in overrides else item
        for item in deliverables
    )


_COMMITMENTS: Mapping[str, Deliverable] = {
    RESPONSE: Deliverable(
        code=RESPONSE,
        type=RESPONSE,
        name={"fr": "Engagement de réponse", "en": "Response commitment"},
        maintenance_type="corrective",
        proof="clock_record",
        parameters={},
    ),
    UPTIME: Deliverable(
        code=UPTIME,
        type=UPTIME,
        name={"fr": "Engagement de disponibilité", "en": "Uptime commitment"},
        maintenance_type="preventive",
        proof="uptime_measurement",
        parameters={},
    ),
    HOURS: Deliverable(
        code=HOURS,
        type=HOURS,
        name={"fr": "Volume d’heures mensuel", "en": "Monthly hours"},
        maintenance_type="corrective",
        proof="hours_ledger",
        parameters={},
    ),
}


def with_commitments(
    deliverables: Iterable[Deliverable], commitments: Mapping[str, Mapping[str, Any] | None]
) -> tuple[Deliverable, ...]:
    """The deliverables with exactly the commitments that the contract makes.

    `commitments` is commitment type to parameters, or to None when the contract makes none of that type: then what
    the plan says of it is not promised. A commitment that the plan does not have is added at the end.
    """
    result: list[Deliverable] = []
    made: set[str] = set()
    for item in deliverables:
        if item.type not in commitments:
            result.append(item)
            continue
        parameters = commitments[item.type]
        if parameters is not None and item.type not in made:
            # The plan's name tells the plan's figures; with other figures it would be untrue.
            same = parameters == item.parameters
            name = item.name if same else _COMMITMENTS[item.type].name
            result.append(replace(item, name=name, parameters=parameters))
            made.add(item.type)
    for kind, parameters in commitments.items():
        if parameters is not None and kind not in made:
            result.append(replace(_COMMITMENTS[kind], parameters=parameters))
    return tuple(result)
