"""Which problem document each refusal of the domain becomes."""

from incidents.application.incidents import UnknownContractError, UnknownSiteError
from incidents.domain.incident import IllegalTransitionError, InstantOutOfRangeError
from shared.problems import Conflict, ErrorMapping, FieldError, NotFound, ValidationFailed


def _illegal_transition(error: IllegalTransitionError) -> Conflict:
    return Conflict(str(error), allowed=[act.value for act in error.allowed], incident_status=error.status.value)


def _instant_out_of_range(error: InstantOutOfRangeError) -> ValidationFailed:
    return ValidationFailed(str(error), errors=[FieldError(detail=str(error), pointer=f"#/{error.field}")])


def _unknown_contract(_: UnknownContractError) -> NotFound:
    detail = "There is no contract with this id."
    return NotFound(detail, errors=[FieldError(detail=detail, pointer="#/contract_id")])


def _unknown_site(error: UnknownSiteError) -> ValidationFailed:
    return ValidationFailed(str(error), errors=[FieldError(detail=str(error), pointer=f"#/{error.field}")])


ERRORS: ErrorMapping = {
    IllegalTransitionError: _illegal_transition,
    InstantOutOfRangeError: _instant_out_of_range,
    UnknownContractError: _unknown_contract,
    UnknownSiteError: _unknown_site,
}
