"""Which problem document each refusal of the domain becomes."""

from incidents.adapters.intake_secrets import TooManySecretsError
from incidents.application.attachments import TooManyFilesError
from incidents.application.changes import OutsideWindowError
from incidents.application.items import (
    MissingError,
    NotAllowedError,
    UnknownContractError,
    UnknownSeverityError,
    UnknownSiteError,
    UnusableError,
)
from incidents.application.records import ItemOfAnotherContractError, NotResolvedError, UnknownItemError
from incidents.domain.access import NoAccessError
from incidents.domain.attachments import RefusedFileError
from incidents.domain.closing import KeptOpenError
from incidents.domain.records import AlreadyThereError, BrokenRuleError
from incidents.domain.service_desk_terms import FrozenError
from incidents.domain.work_item import IllegalTransitionError, InstantOutOfRangeError, Kind
from shared.problems import Conflict, ErrorMapping, FieldError, Forbidden, NotFound, ValidationFailed
from shared.values import instant_text


def _illegal_transition(error: IllegalTransitionError) -> Conflict:
    allowed = [act.value for act in error.allowed]
    if error.kind is Kind.INCIDENT:
        return Conflict(str(error), allowed=allowed, incident_status=error.status.value)
    return Conflict(str(error), allowed=allowed, status_of_item=error.status.value)


def _at_field(error: BrokenRuleError | InstantOutOfRangeError | UnknownSiteError | UnusableError) -> ValidationFailed:
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


def _unknown_item(error: UnknownItemError) -> NotFound:
    return NotFound(str(error), errors=[FieldError(detail=str(error), pointer=f"#/{error.field}")])


def _item_of_another_contract(_: ItemOfAnotherContractError) -> ValidationFailed:
    detail = "This item is under another contract: name the contract of the item."
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/item_id")])


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


def _refused_file(error: RefusedFileError) -> ValidationFailed:
    place = {
        "name": {"parameter": "name"},
        "media_type": {"header": "Content-Type"},
        "content": {"pointer": "#"},
    }[error.place]
    return ValidationFailed(str(error), errors=[FieldError(detail=str(error), **place)])


def _conflict(error: Exception) -> Conflict:
    return Conflict(str(error))


def _no_access(error: NoAccessError) -> Conflict:
    return Conflict(str(error), grant_state=error.state.value)


ERRORS: ErrorMapping = {
    AlreadyThereError: _conflict,
    BrokenRuleError: _at_field,
    ItemOfAnotherContractError: _item_of_another_contract,
    KeptOpenError: _kept_open,
    NoAccessError: _no_access,
    NotResolvedError: _conflict,
    RefusedFileError: _refused_file,
    TooManyFilesError: _conflict,
    TooManySecretsError: _conflict,
    UnknownItemError: _unknown_item,
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
