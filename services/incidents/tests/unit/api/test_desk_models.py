"""What requests must say to be taken."""

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from incidents.api.desk_models import DeploymentStart, RankTold, Refusal, WorkOrderResult, WorkOrderStart
from incidents.api.record_desk import Text


@pytest.mark.parametrize(
    ("model", "told", "field"),
    [
        (WorkOrderStart, {}, "rollback_plan"),
        (WorkOrderResult, {}, "proof"),
        (DeploymentStart, {"version": "4.3.0"}, "outside_window_reason"),
        (RankTold, {"rank": 1}, "reason"),
        (Refusal, {}, "reason"),
    ],
)
def test_a_plan_a_proof_or_a_reason_of_spaces_is_none(
    model: type[BaseModel], told: dict[str, object], field: str
) -> None:
    for blank in ("", " ", " \n\t\r\n"):
        with pytest.raises(ValidationError) as refused:
            model.model_validate(told | {field: blank})
        assert [error["loc"] for error in refused.value.errors()] == [(field,)]
    said = model.model_validate(told | {field: " Restore it.\n\tThen look."})
    assert getattr(said, field) == " Restore it.\n\tThen look."


def test_nor_is_a_record_of_spaces_one() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python(" \n")
