"""Which problem document each refusal of the domain becomes."""

from incidents.application.changes import OutsideWindowError
from incidents.application.items import (
    MissingError,
    NotAllowedError,
    UnknownContractError,
    UnknownSeverityError,
    UnknownSiteError,
    UnusableError,
)
from incidents.domain.service_desk_terms import FrozenError
from incidents.domain.work_item import IllegalTransitionError, InstantOutOfRangeError, Kind
from shared.problems import Conflict, ErrorMapping, FieldError, Forbidden, NotFound, ValidationFailed
from shared.values import instant_text


def _illegal_transition(error: IllegalTransitionError) -> Conflict:
    allowed = [act.value for act in error.allowed]
    if error.kind is Kind.INCIDENT:
        return Conflict(str(error), allowed=allowed, incident_status=error.status.value)
    return Conflict(str(error), allowed=allowed, status_of_item=error.status.value)


def _at_field(error: InstantOutOfRangeError | UnknownSiteError | UnusableError) -> ValidationFailed:
    return ValidationFailed(str(error), errors=[FieldError(detail=str(error), pointer=f"#/{error.field}")])


def _unknown_contract(_: UnknownContractError) -> NotFound:
    detail = "There is no contract with this id."
    return NotFound(detail, errors=[FieldError(detail=detail, pointer="#/contract_id")])


def _unknown_severity(error: UnknownSeverityError) -> ValidationFailed:
    return ValidationFailed(str(error), errors=[FieldError(detail=str(error), pointer="#/severity")])


def _missing(error: MissingError) -> Conflict:
    return Conflict(str(error), missing=list(error.missing))


def _frozen(error: FrozenError) -> Conflict:
    return Conflict(str(error), freezes=list(error.freezes))


def _outside_window(error: OutsideWindowError) -> Conflict:
    return Conflict(str(error), window={"from": instant_text(error.first), "to": instant_text(error.last)})


def _not_allowed(error: NotAllowedError) -> Forbidden:
    return Forbidden(str(error))


ERRORS: ErrorMapping = {
    FrozenError: _frozen,
    IllegalTransitionError: _illegal_transition,
    InstantOutOfRangeError: _at_field,
    MissingError: _missing,
    NotAllowedError: _not_allowed,
    OutsideWindowError: _outside_window,
    UnknownContractError: _unknown_contract,
    UnknownSeverityError: _unknown_severity,
    UnknownSiteError: _at_field,
    UnusableError: _at_field,
}
