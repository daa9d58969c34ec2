"""What a contract still lacks, all at once, and what it includes, line by line."""

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.adapters.sheet_page import sheet_page
from contracts.application.catalogue import NewPlan, _fixture
from contracts.application.completeness import missing_blocks
from contracts.application.contracts import Contract, ContractPlan, Terms
from contracts.application.deliverables import PlanDeliverable
from contracts.application.further_terms import BLOCKS, Requirement, seeded
from contracts.application.pricing import PriceParameters, told
from contracts.application.responsibilities import route
from contracts.application.risks import RiskCategory
from contracts.application.service_desk_words import catalogues
from contracts.application.sheet import sheet_of
from contracts.domain.lifecycle import Status

from ...whole_contract import category, texts, whole

EVERYTHING: set[Requirement] = set(get_args(Requirement))
RESPONSE = PlanDeliverable.model_validate(
    {
        "code": "response",
        "type": "response_commitment",
        "name": texts("Response"),
        "maintenance_type": "corrective",
        "proof": "clock_record",
        "parameters": {"calendar": "business_hours", "targets": [{"severity": "critical", "response": "PT1H"}]},
    }
)


def terms(**blocks: Any) -> Terms:
    return Terms.model_validate(
        {"site_ids": [], "starts_on": "2026-06-08", "price": {"amount": "600", "currency": "EUR"}, **blocks}
    )


def complete(**changes: Any) -> Terms:
    return seeded(terms(**(whole() | changes)), EVERYTHING, set())


def lacks(terms: Terms, requires: set[Requirement] = EVERYTHING, *deliverables: PlanDeliverable) -> list[str]:
    return [
        item.pointer.removeprefix("/terms/") for item in missing_blocks(terms, requires, deliverables or [RESPONSE])
    ]


def test_a_whole_contract_lacks_nothing() -> None:
    assert lacks(complete()) == []


def test_a_plan_that_requires_nothing_lets_a_contract_hold_nothing() -> None:
    assert lacks(terms(), set()) == []


def test_everything_that_is_required_and_not_there_is_listed_at_once() -> None:
    beside_the_terms = {"eligibility", "response"}
    assert set(lacks(terms())) == EVERYTHING - beside_the_terms
    assert "response" in [
        item.pointer.removeprefix("/terms/") for item in missing_blocks(terms(), EVERYTHING, deliverables=[])
    ]


def test_type_mode_billing_scope_exclusions_when_how_and_who_are_each_missed() -> None:
    bare = complete(offer={}, commercial={}, scope={"categories": []})
    assert lacks(bare) == [
        "scope/categories",
        "scope/categories",
        "offer/maintenance_types",
        "offer/intervention_modes",
        "offer/coverage_calendar",
        "offer/channels",
        "offer/team",
        "commercial/billing",
    ]


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        (
            {"onboarding": {"scope": whole()["onboarding"]["scope"]}},
            ["onboarding/responsibilities", "onboarding/service_levels"],
        ),
        ({"scope": {"categories": [category("fix", "in")]}}, ["scope/categories"]),
        ({"offer": whole()["offer"] | {"intervention_modes": ["on_site"]}}, ["offer/on_site_needs"]),
        ({"offer": whole()["offer"] | {"maintenance_types": ["preventive"]}}, ["offer/maintenance_types"]),
        (
            {
                "responsibilities": {
                    "activities": [{"code": "a", "name": texts("a"), "side": "agency", "decides": "client"}]
                }
            },
            ["responsibilities/activities/0/executes"],
        ),
        ({"responsibilities": {"activities": []}}, ["responsibilities/activities"]),
        (
            {"risks": [{"code": "a", "category": "it", "name": texts("a")}]},
            ["risks/0/owner", "risks/0/residual_level"],
        ),
        ({"resources": []}, ["resources"]),
        ({"prerequisites": []}, []),
        ({"prerequisites": None}, ["prerequisites"]),
        ({"data_protection": {"classification": "sensitive", "personal_data": True}}, ["data_protection/annex"]),
        (
            {"reversibility": [{"code": "a", "name": texts("a")}]},
            ["reversibility/0/responsible", "reversibility/0/days_after_end"],
        ),
    ],
)
def test_what_a_block_lacks_is_named_where_it_lacks_it(change: dict[str, Any], missed: list[str]) -> None:
    assert lacks(complete(**change)) == missed


def test_a_block_that_is_there_must_be_whole_even_when_nobody_requires_it() -> None:
    assert lacks(terms(commercial={}), set()) == ["commercial/billing"]


@given(st.sets(st.sampled_from(sorted(EVERYTHING))))
def test_whatever_is_required_and_only_that_is_missed_in_an_empty_contract(requires: set[Requirement]) -> None:
    assert set(lacks(terms(), requires)) == requires - {"eligibility", "response"}


def test_our_wording_fills_what_is_required_and_not_chosen_and_nothing_else() -> None:
    filled = seeded(terms(), EVERYTHING, {"risks"})
    assert [name for name in BLOCKS if getattr(filled, name) is not None] == [
        "responsibilities",
        "actors",
        "reversibility",
    ]
    assert seeded(terms(), set(), set()) == terms()
    own = terms(actors=[])
    assert seeded(own, EVERYTHING, {"actors"}).actors == []


def test_our_wording_has_the_seven_categories_of_risk_the_actors_and_both_sides_of_the_responsibilities() -> None:
    filled = seeded(terms(), EVERYTHING, set())
    assert [risk.category for risk in filled.risks or ()] == list(get_args(RiskCategory))
    assert {actor.group for actor in filled.actors or ()} == {"business_user", "it", "client_support"}
    assert filled.responsibilities is not None
    sides = [activity.side for activity in filled.responsibilities.activities]
    assert sides == ["agency"] * 4 + ["client"] * 4
    # What we ship leaves only the agency's own judgement of its risks to be said.
    assert {pointer.split("/")[0] for pointer in lacks(filled, set())} == {"risks"}


def test_each_level_requires_what_the_one_below_requires_and_more() -> None:
    plans = {plan["code"]: NewPlan.model_validate({"catalogue": "x", **plan}) for plan in _fixture("engagement_levels")}
    required = [set(plan.requires) for plan in plans.values()]
    assert [plan.support_level for plan in plans.values()] == [1, 2, 3]
    assert required[0] == {"eligibility", "onboarding", "scope", "offer", "commercial", "responsibilities"}
    assert set.union(*required) == EVERYTHING
    assert all(not plan.get("requires") for plan in _fixture("tiers"))


def test_the_local_support_is_asked_first_and_the_remote_one_when_nobody_local_knows() -> None:
    filled = seeded(terms(), EVERYTHING, set()).actors
    assert filled is not None
    assert [actor.support_level for actor in route(filled, "logs").actors] == [1, 2]
    assert [actor.support_level for actor in route(filled, "database").actors] == [2]
    assert route([actor for actor in filled if actor.support_level is None], "logs").actors == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": {"categories": [category("fix", "out", limit_minutes=5)]}},
        {"scope": {"categories": [category("fix", "in"), category("fix", "out")]}},
        {"continuity": [{"rpo": "PT1H", "rto": "PT1H", "backup_every": "PT2H"}]},
        {"continuity": [{"rpo": "PT0S", "rto": "PT1H"}]},
        {"continuity": [{"rpo": "PT1H", "rto": "PT1H"}] * 2},
        {"risks": [whole()["risks"][0]] * 2},
        {"resources": [{**whole()["resources"][0], "to": "2026-06-07"}]},
        {"offer": {"on_site_needs": "A new switch"}},
        {"actors": [{"code": "a", "name": texts("a"), "group": "it", "support_level": 1}]},
        {"pricing": {"base": "1.001", "currency": "EUR"}},
    ],
)
def test_a_block_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        terms(**wrong)


def test_a_price_is_told_factor_by_factor_in_both_languages() -> None:
    parameters = PriceParameters.model_validate(
        {
            "base": "400",
            "currency": "EUR",
            "environments": [{"name": "staging", "count": 2, "included": 0, "percent_each": "10"}],
            "criticality": {"name": "high", "percent": "25"},
            "adjustment": {"amount": "-100", "reason": "Two years"},
        }
    )
    told_of = told(parameters)
    assert told_of.total == "500.00"
    assert [(line.factor, line.amount) for line in told_of.lines] == [
        ("base", "400.00"),
        ("environments", "80.00"),
        ("criticality", "120.00"),
        ("adjustment", "-100.00"),
    ]
    assert [line.why["en"] for line in told_of.lines] == [
        "Base: €400.00 a month.",
        "Environments, staging: 2 more than the base includes, each 10% of €400.00: €80.00.",
        "Criticality, high: 25% of €480.00: €120.00.",
        "Agreed: -€100.00 (Two years).",
    ]
    assert told_of.lines[2].why["fr"].startswith("Criticité, high\u00a0: 25")


# --- the sheet -------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)


def contract(categories: list[dict[str, Any]], names: list[str]) -> Contract:
    deliverables = [
        PlanDeliverable.model_validate(
            {
                "code": f"d{index}",
                "type": "targeted_fixes",
                "name": texts(name),
                "maintenance_type": "corrective",
                "proof": "change_record",
            }
        )
        for index, name in enumerate(names)
    ]
    return Contract(
        contract_id=UUID(int=1),
        version=1,
        number="C-2026-0001",
        status=Status.DRAFT,
        allowed_steps=[],
        client_id=UUID(int=2),
        plan=ContractPlan(plan_id=UUID(int=3), code="p", number=1, title=texts("Plan")),
        terms=terms(scope={"categories": categories}),
        deliverables=deliverables,
        document=None,
        signatures=[],
        amendment=None,
        activated_at=None,
        ends_at=None,
        closed_at=None,
        created_at=NOW,
        updated_at=NOW,
    )


NAMES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=30)
VERDICTS = st.sampled_from(["in", "out", "needs_scoping"])


@given(st.lists(NAMES, max_size=8), st.lists(st.tuples(NAMES, VERDICTS), max_size=8), st.sampled_from(["fr", "en"]))
def test_the_page_has_every_line_of_the_contract_in_its_section_and_nothing_else(
    names: list[str], scope: list[tuple[str, str]], language: str
) -> None:
    categories = [
        {"code": f"s{index}", "name": texts(name), "verdict": verdict} for index, (name, verdict) in enumerate(scope)
    ]
    translator = catalogues().translator(language)
    sheet = sheet_of(contract(categories, names), [], translator)
    page = sheet_page(sheet, translator).html.decode()
    shown = {
        found[1]: re.findall(r"<li [^>]*>(.*?)</li>", found[2], re.DOTALL)
        for found in re.finditer(r'<section class="(\w+)".*?>(.*?)</section>', page, re.DOTALL)
    }

    def named(wanted: str) -> list[str]:
        return [texts(name)[language] for name, verdict in scope if verdict == wanted]

    expected = {
        "included": [*(texts(name)[language] for name in names), *named("in")],
        "needs_scoping": named("needs_scoping"),
        "excluded": named("out"),
    }
    assert {code: [unescape(line) for line in lines] for code, lines in shown.items()} == {
        code: lines for code, lines in expected.items() if lines
    }
    assert page.count("<li ") == len(names) + len(scope)
    assert [section.code for section in sheet.sections] == ["included", "needs_scoping", "excluded"]


def test_what_somebody_wrote_is_shown_as_text() -> None:
    translator = catalogues().translator("en")
    page = sheet_page(sheet_of(contract([], ["<script>alert(1)</script>"]), [], translator), translator).html.decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_limit_is_told_in_hours_and_minutes() -> None:
    limited = contract([category("fix", "in", limit_minutes=90), category("advice", "in", limit_minutes=60)], [])
    lines = sheet_of(limited, [], catalogues().translator("fr")).sections[0].lines
    assert [line.text for line in lines] == [
        "fix (fr) (jusqu’à 1\N{NO-BREAK SPACE}heure et 30 minutes par demande)",
        "advice (fr) (jusqu’à 1\N{NO-BREAK SPACE}heure par demande)",
    ]
