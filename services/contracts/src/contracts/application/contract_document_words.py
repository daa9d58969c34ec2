"""What a document would change, or has changed, for people: sentences in French and English."""

import json
from typing import Any

from pydantic import BaseModel, Field, JsonValue

from contracts.application.contract_reconciliation import Action, Operation, Outcome
from contracts.domain.document_values import Difference
from contracts.domain.lifecycle import Status
from shared.i18n import Translator
from shared.values import json_pointer

LONGEST_VALUE = 120
"""Characters of a value in a sentence; the whole of it is beside the sentence."""
MOST_OPERATIONS = 20_000
"""More than a document can ask for, with every environment of every site and every person."""


class DocumentDifference(BaseModel):
    """One value that differs; null on one side: nothing is there."""

    pointer: str = Field(description="Where in the document, as a JSON Pointer.", examples=["#/terms/price/amount"])
    before: JsonValue
    after: JsonValue
    words: str


class DocumentOperation(BaseModel):
    """One thing that is done to make it so."""

    action: Action
    subject: str = Field(description="What it is done to: the name of the client, the site …")
    differences: list[DocumentDifference] = Field(max_length=20_000)
    words: str


class DocumentContract(BaseModel):
    """The contract of the document."""

    contract_id: str
    number: str
    version: int = Field(ge=1)
    status: Status


class DocumentOutcome(BaseModel):
    """What a document changes: nothing, when what is there is what it says."""

    changed: bool
    summary: str
    operations: list[DocumentOperation] = Field(
        max_length=MOST_OPERATIONS, description="In the order in which they are done."
    )
    contract: DocumentContract | None = Field(description="As it is; null: it would be drafted.")


def told(outcome: Outcome, t: Translator, *, applied: bool) -> DocumentOutcome:
    """The outcome in words; `applied` says whether it was kept, or only tried."""
    contract = outcome.contract if applied else outcome.found
    return DocumentOutcome(
        changed=bool(outcome.operations),
        summary=_summary(outcome, t, applied=applied),
        operations=[
            DocumentOperation(
                action=operation.action,
                subject=operation.subject,
                differences=[
                    DocumentDifference(
                        pointer=json_pointer(one.path), before=one.before, after=one.after, words=_difference(one, t)
                    )
                    for one in operation.differences
                ],
                words=_operation(operation, t),
            )
            for operation in outcome.operations
        ],
        contract=None
        if contract is None
        else DocumentContract(
            contract_id=str(contract.contract_id),
            number=contract.number,
            version=contract.version,
            status=contract.status,
        ),
    )


def as_text(outcome: DocumentOutcome) -> str:
    """The same for a terminal."""
    lines = [outcome.summary]
    for operation in outcome.operations:
        lines.append(f"- {operation.words}")
        lines += [f"    {one.words}" for one in operation.differences]
    return "\n".join(lines) + "\n"


def _summary(outcome: Outcome, t: Translator, *, applied: bool) -> str:
    count = len(outcome.operations)
    if not count:
        return t.gettext("Nothing changes: everything is as the document says.")
    if applied:
        said = t.ngettext("%(count)s change was made.", "%(count)s changes were made.", count)
    else:
        said = t.ngettext("%(count)s change would be made.", "%(count)s changes would be made.", count)
    if any(operation.action == "propose_amendment" for operation in outcome.operations):
        both = t.gettext("The contract is in force: its terms stay as they are until both parties sign the amendment.")
        return f"{said} {both}"
    return said


def _operation(operation: Operation, t: Translator) -> str:
    name = operation.subject
    return {
        "create_client": t.gettext("Create the client %(name)s.", name=name),
        "change_client": t.gettext("Change the client %(name)s.", name=name),
        "change_party": t.gettext("Say who %(name)s is in law.", name=name),
        "add_contact": t.gettext("Add the contact %(name)s.", name=name),
        "change_contact": t.gettext("Change the contact %(name)s.", name=name),
        "remove_contact": t.gettext("Remove the contact %(name)s.", name=name),
        "create_calendar": t.gettext("Create the calendar %(name)s.", name=name),
        "add_calendar_version": t.gettext("Add a later version of the calendar %(name)s.", name=name),
        "create_plan": t.gettext("Create the plan %(name)s.", name=name),
        "add_plan_version": t.gettext(
            "Add a version of the plan %(name)s; contracts of earlier versions keep theirs.", name=name
        ),
        "create_site": t.gettext("Create the site %(name)s.", name=name),
        "change_site": t.gettext("Change the site %(name)s.", name=name),
        "add_environment": t.gettext("Add the environment %(name)s.", name=name),
        "change_environment": t.gettext("Change the environment %(name)s.", name=name),
        "remove_environment": t.gettext("Remove the environment %(name)s.", name=name),
        "draft_contract": t.gettext("Draft the contract %(name)s.", name=name),
        "change_draft": t.gettext("Change the draft %(name)s.", name=name),
        "withdraw_proposal": t.gettext("Withdraw the proposal of %(name)s: it is a draft again.", name=name),
        "propose_amendment": t.gettext("Propose an amendment of %(name)s, for both parties to sign.", name=name),
        "withdraw_amendment": t.gettext("Withdraw the amendment of %(name)s that nobody has signed yet.", name=name),
    }[operation.action]


def _difference(one: Difference, t: Translator) -> str:
    place = ".".join(str(step) for step in one.path)
    if one.before is None:
        return t.gettext("%(place)s: %(after)s is new", place=place, after=_shown(one.after))
    if one.after is None:
        return t.gettext("%(place)s: %(before)s is gone", place=place, before=_shown(one.before))
    return t.gettext(
        "%(place)s: %(before)s becomes %(after)s", place=place, before=_shown(one.before), after=_shown(one.after)
    )


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_VALUE else line[: LONGEST_VALUE - 1] + "…"
