"""A published contract, read with the defaults of what it leaves out."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from incidents.adapters.contract_state import ContractState, terms_of
from incidents.domain.promises import Metric
from incidents.domain.service_desk_terms import (
    DEFAULT_TERMS,
    EscalationLevel,
    Freeze,
    PostMortemRule,
    ServiceDeskTerms,
)
from incidents.domain.work_item import Criticality, Impact

EXAMPLES = Path(__file__).parents[4] / "contracts" / "schemas" / "examples"
EXAMPLE: dict[str, Any] = json.loads((EXAMPLES / "contracts.contract.activated.v1.json").read_text())["data"]
WITHOUT = {key: value for key, value in EXAMPLE.items() if key != "service_desk"}


def desk_of(block: Any, **state: Any) -> ServiceDeskTerms:
    return ContractState.model_validate({**WITHOUT, "service_desk": block, **state}).terms().service_desk


def severity(code: str, rank: int) -> dict[str, Any]:
    return {"code": code, "rank": rank, "names": {"fr": code, "en": code}}


def test_the_example_of_the_publisher_is_read_whole() -> None:
    desk = terms_of(json.dumps(EXAMPLE)).service_desk
    assert desk.contract_rank == 1
    assert desk.mitigation == {"critical": timedelta(hours=2)}
    assert desk.next_reply == {"critical": timedelta(hours=1), "major": timedelta(hours=4)}
    assert desk.freezes == (Freeze("Haute saison", date(2026, 7, 15), date(2026, 8, 20)),)
    assert desk.escalation == (
        EscalationLevel(1, "on_call", 50),
        EscalationLevel(2, "manager", 90),
        EscalationLevel(3, "director", None),
    )
    assert desk.hotline_calendar == "around_the_clock"
    assert desk.assigned_user_ids == {UUID("0190b5c8-7d4e-7c3a-9a51-000000000009")}
    assert desk.round_the_clock
    assert (desk.severities, desk.matrix) == (DEFAULT_TERMS.severities, DEFAULT_TERMS.matrix)
    assert (desk.urgent, desk.backlog) == (DEFAULT_TERMS.urgent, DEFAULT_TERMS.backlog)
    assert desk.post_mortem == PostMortemRule(frozenset({"critical"}), 3, timedelta(days=30), timedelta(hours=40))
    assert desk.acceptance_due == timedelta(hours=45)
    assert desk.micro_evolution_limit == DEFAULT_TERMS.micro_evolution_limit
    assert desk.change_size_cap == DEFAULT_TERMS.change_size_cap
    assert desk.warnings_percent == DEFAULT_TERMS.warnings_percent


@pytest.mark.parametrize("state", [WITHOUT, {**WITHOUT, "service_desk": None}])
def test_a_contract_that_says_nothing_of_its_desk_has_the_defaults_and_its_plans_place(state: dict[str, Any]) -> None:
    assert WITHOUT["plan"]["priority"] == 1
    terms = ContractState.model_validate(state).terms()
    assert terms.service_desk.contract_rank == 2
    assert ContractState.model_validate({**state, "plan": {"priority": 0}}).terms().service_desk == DEFAULT_TERMS
    assert terms.response is not None
    assert {metric for _, metric in terms.response.targets} == {Metric.RESPONSE, Metric.REPAIR}
    assert dict(terms.response.for_all) == {}


def test_who_signed_a_desk_signed_the_defaults_of_what_it_leaves_out() -> None:
    desk = desk_of({})
    assert desk.post_mortem == PostMortemRule(frozenset({"critical"}), 3, timedelta(days=30), timedelta(hours=40))
    assert desk.acceptance_due == timedelta(hours=45)


def test_what_is_left_out_or_not_known_here_is_the_default() -> None:
    desk = desk_of(
        {
            "surprise": {"of": "a later version"},
            "priority": {
                "matrix": [
                    {"impact": "data", "criticality": "low", "severity": "temporary", "why": "a copy is there"},
                    {"impact": "reputation", "criticality": "high", "severity": "critical"},
                    {"impact": "data", "criticality": "high", "severity": "huge"},
                ]
            },
            "backlog": {"cap": 7},
            "warnings_percent": [],
            "escalation": [],
        }
    )
    assert desk.severity_of(Impact.DATA, Criticality.LOW) == "temporary"
    assert desk.severity_of(Impact.DATA, Criticality.HIGH) == "critical"
    assert (desk.backlog.cap, desk.backlog.stale_after) == (7, timedelta(days=60))
    assert (desk.warnings_percent, desk.escalation) == ((), ())


def test_severities_of_a_contracts_own_come_by_rank_and_fill_the_matrix() -> None:
    desk = desk_of({"severities": [severity("normal", 2), severity("urgent", 1)]})
    assert [level.code for level in desk.severities] == ["urgent", "normal"]
    assert desk.severity_of(Impact.AVAILABILITY, Criticality.HIGH) == "urgent"
    assert desk.severity_of(Impact.OPERATIONS, Criticality.LOW) == "normal"
    assert desk.post_mortem is not None
    assert desk.urgent.severities == desk.post_mortem.severities == {"urgent"}


def test_the_levels_of_an_escalation_come_in_their_order() -> None:
    desk = desk_of({"escalation": [{"level": 2, "role": "manager"}, {"level": 1, "role": "on_call", "percent": 10}]})
    assert desk.escalation == (EscalationLevel(1, "on_call", 10), EscalationLevel(2, "manager", None))


def test_a_hotline_whose_hours_are_not_told_is_refused() -> None:
    with pytest.raises(ValidationError, match="a calendar that the contract lacks"):
        desk_of({"hotline_calendar": "nowhere"})


def test_an_instant_is_frozen_by_the_clients_zone() -> None:
    state = ContractState.model_validate(EXAMPLE)
    desk = state.terms().service_desk
    first, after = datetime(2026, 7, 14, 22, tzinfo=UTC), datetime(2026, 8, 20, 22, tzinfo=UTC)
    assert desk.freezes_between(first, first, state.client.time_zone) == desk.freezes
    assert desk.freezes_between(after, after, state.client.time_zone) == ()
