"""From errors of the application to problem documents."""

from reporting.application.audit import LogIsBroken, NothingRecorded
from reporting.application.reporting import InTheFuture, NotInTheContract, UnknownContract
from reporting.application.webhooks import DeliveryIsUnderWay, WebhookIsDisabled
from shared.problems import Conflict, ErrorMapping, FieldError, NotFound, Problem, ValidationFailed
from shared.values import instant_text


def _unknown_contract(_error: UnknownContract) -> Problem:
    return NotFound(
        "There is no contract with this id that was ever active. A contract can be reported on from its activation on."
    )


def _not_in_the_contract(error: NotInTheContract) -> Problem:
    if error.began_at is None:
        return NotFound("The contract promised nothing in this period: it was never active.")
    return NotFound(
        "The contract promised nothing in this period: it was not active then. "
        f"It began on {instant_text(error.began_at)}."
    )


def in_the_future(error: InTheFuture, *, in_body: bool = False) -> Problem:
    """`in_body`: the request names the instant in its body, not in its address."""
    detail = f"`{error.parameter}` lies in the future; figures exist up to now."
    place = {"pointer": f"#/{error.parameter}"} if in_body else {"parameter": error.parameter}
    return ValidationFailed(detail, errors=[FieldError(detail=detail, **place)])


def _webhook_is_disabled(_error: WebhookIsDisabled) -> Problem:
    return Conflict("The webhook is disabled. Enable it first: PATCH it with `enabled: true`.")


def _delivery_is_under_way(_error: DeliveryIsUnderWay) -> Problem:
    return Conflict("This delivery is still being tried; its next attempt is in `due_at`. There is nothing to retry.")


def _nothing_recorded(_error: NothingRecorded) -> Problem:
    return Conflict("Nothing is recorded yet: there is no entry to sign. Try again once something has happened.")


def _log_is_broken(error: LogIsBroken) -> Problem:
    return Conflict(
        f"The audit log is not what was signed: {error}. Nothing more is signed until somebody has looked; "
        "`python -m reporting verify-audit` says more."
    )


ERRORS: ErrorMapping = {
    NothingRecorded: _nothing_recorded,
    LogIsBroken: _log_is_broken,
    UnknownContract: _unknown_contract,
    NotInTheContract: _not_in_the_contract,
    InTheFuture: in_the_future,
    WebhookIsDisabled: _webhook_is_disabled,
    DeliveryIsUnderWay: _delivery_is_under_way,
}
