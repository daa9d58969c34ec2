"""From errors of domain and application to problem documents."""

from contracts.adapters.key_chest import UnreadableKey
from contracts.application.errors import NotNow, Refused, Taken, Unknown
from contracts.application.invoice_drafting import NotReady
from contracts.domain import advice, configuration, obligations
from contracts.domain.agreement import Incomplete, NotBinding, SignatureRefused
from contracts.domain.catalogue import CatalogueRule, PriceRefused
from contracts.domain.engagement import PhaseOrder
from contracts.domain.lifecycle import IllegalStep
from shared.problems import Conflict, ErrorMapping, FieldError, NotFound, Problem, Unavailable, ValidationFailed
from shared.values import json_pointer


class IllegalTransition(Problem):
    """The contract's state does not allow this step. `allowed` lists the steps that it allows now."""

    slug, title, status = "illegal-transition", "The contract's state does not allow this", 409


class ContractIncomplete(Problem):
    """The contract cannot be proposed yet. `errors` lists every missing choice; make them, then propose."""

    slug, title, status = "contract-incomplete", "The contract is not complete", 422


class PriceOutsideRange(Problem):
    """The price does not fit the plan. Change it, or give `price_override_reason`, which is kept with the contract."""

    slug, title, status = "price-outside-range", "The price does not fit the plan", 422


class NotSigned(Problem):
    """A contract takes effect only when both parties have signed exactly the version that is stored."""

    slug, title, status = "not-signed", "The contract is not signed by both parties", 409


class InvoiceIncomplete(Problem):
    """The invoice cannot be issued yet. `errors` lists everything that is missing; give it, then issue."""

    slug, title, status = "invoice-incomplete", "The invoice lacks what EN 16931 asks for", 409


def _unknown(error: Unknown) -> Problem:
    named = [FieldError(detail=str(error), pointer=json_pointer(error.path))] if error.path else []
    return NotFound(str(error), errors=named)


def _illegal(error: IllegalStep) -> Problem:
    allowed = ", ".join(error.allowed) or "nothing any more"
    return IllegalTransition(
        f"A contract that is {error.status} cannot {error.step}. It allows: {allowed}.",
        current=error.status.value,
        allowed=[step.value for step in error.allowed],
    )


def _incomplete(error: Incomplete) -> Problem:
    return ContractIncomplete(
        f"{len(error.missing)} choices are still missing.",
        errors=[FieldError(detail=item.detail, pointer=f"#{item.pointer}") for item in error.missing],
    )


def _not_ready(error: NotReady) -> Problem:
    return InvoiceIncomplete(
        f"{len(error.missing)} things are missing: {error.missing[0].detail}",
        errors=[FieldError(detail=item.detail, pointer=f"#{item.pointer}") for item in error.missing],
    )


def _price(error: PriceRefused) -> Problem:
    return PriceOutsideRange(str(error), errors=[FieldError(detail=str(error), pointer=json_pointer(error.path))])


def _refused(error: Refused) -> Problem:
    faults = [FieldError(detail=fault.detail[:1000], pointer=json_pointer(fault.path)) for fault in error.faults]
    return ValidationFailed(f"The request breaks a rule: {error.faults[0].detail}", errors=faults)


def _at_its_field(error: configuration.NotRecordable | obligations.BadInstant) -> Problem:
    detail = f"{error.field} {error}"
    return ValidationFailed(
        f"The request breaks a rule: {detail}", errors=[FieldError(detail=detail, pointer=json_pointer((error.field,)))]
    )


ERRORS: ErrorMapping = {
    Unknown: _unknown,
    Refused: _refused,
    Taken: lambda error: Conflict(str(error)),
    NotNow: lambda error: Conflict(str(error)),
    configuration.NotRecordable: _at_its_field,
    obligations.BadInstant: _at_its_field,
    obligations.NotPossible: lambda error: Conflict(str(error)),
    advice.NotPossible: lambda error: Conflict(str(error)),
    PhaseOrder: lambda error: Conflict(str(error)),
    IllegalStep: _illegal,
    Incomplete: _incomplete,
    NotReady: _not_ready,
    PriceRefused: _price,
    SignatureRefused: lambda error: Conflict(str(error)),
    NotBinding: lambda error: NotSigned(str(error)),
    CatalogueRule: lambda error: ValidationFailed(
        str(error), errors=[FieldError(detail=str(error), pointer="#/deliverables")]
    ),
    UnreadableKey: lambda _error: Unavailable("Tokens cannot be issued now; the operator has been told in the log."),
}
