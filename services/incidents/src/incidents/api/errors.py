"""Which problem document each refusal of the domain becomes."""

from incidents.application.incidents import UnknownContractError, UnknownSiteError
from incidents.application.records import ItemOfAnotherContractError, NotResolvedError, UnknownItemError
from incidents.domain.access import NoAccessError
from incidents.domain.closing import KeptOpenError
from incidents.domain.incident import IllegalTransitionError, InstantOutOfRangeError
from incidents.domain.records import AlreadyThereError, BrokenRuleError
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


def _unknown_item(error: UnknownItemError) -> NotFound:
    return NotFound(str(error), errors=[FieldError(detail=str(error), pointer=f"#/{error.field}")])


def _item_of_another_contract(_: ItemOfAnotherContractError) -> ValidationFailed:
    detail = "This item is under another contract: name the contract of the item."
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/item_id")])


def _broken_rule(error: BrokenRuleError) -> ValidationFailed:
    return ValidationFailed(str(error), errors=[FieldError(detail=str(error), pointer=f"#/{error.field}")])


def _kept_open(error: KeptOpenError) -> Conflict:
    reasons = [
        {
            "reason": reason.missing.value,
            "detail": reason.detail,
            "record_id": str(reason.record_id) if reason.record_id else None,
        }
        for reason in error.reasons
    ]
    return Conflict(str(error), reasons=reasons)


def _conflict(error: Exception) -> Conflict:
    return Conflict(str(error))


def _no_access(error: NoAccessError) -> Conflict:
    return Conflict(str(error), grant_state=error.state.value)


ERRORS: ErrorMapping = {
    AlreadyThereError: _conflict,
    BrokenRuleError: _broken_rule,
    ItemOfAnotherContractError: _item_of_another_contract,
    KeptOpenError: _kept_open,
    NoAccessError: _no_access,
    NotResolvedError: _conflict,
    UnknownItemError: _unknown_item,
    IllegalTransitionError: _illegal_transition,
    InstantOutOfRangeError: _instant_out_of_range,
    UnknownContractError: _unknown_contract,
    UnknownSiteError: _unknown_site,
}
