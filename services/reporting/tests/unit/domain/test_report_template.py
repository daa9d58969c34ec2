"""Texts with variables: what they may name, and that none is ever sent half filled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.application.report_template import SECTIONS, ReportTemplateContent, TemplateTexts, faults_of_template
from reporting.domain.report_template import UnfilledVariable, faults_of, filled, order_faults, variables_of

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True)
PLAIN = st.text(alphabet=st.characters(blacklist_characters="[]"), max_size=20)


@given(st.lists(st.tuples(PLAIN, NAMES), max_size=6), PLAIN, st.text(min_size=1).filter(str.strip))
def test_a_text_is_filled_once_and_a_value_is_never_read_as_a_variable(
    parts: list[tuple[str, str]], end: str, value: str
) -> None:
    text = "".join(f"{plain}[{name}]" for plain, name in parts) + end
    assert filled(text, dict.fromkeys(variables_of(text), value)) == "".join(plain + value for plain, _ in parts) + end


@given(st.lists(NAMES, min_size=1, max_size=5), st.sampled_from([None, "", "  "]))
def test_a_variable_without_a_value_keeps_the_text_from_being_sent(names: list[str], blank: str | None) -> None:
    text = " ".join(f"[{name}]" for name in names)
    with pytest.raises(UnfilledVariable) as refused:
        filled(text, dict.fromkeys(names[1:], "known") | {names[0]: blank})
    assert refused.value.name == names[0]


def test_only_capitals_in_brackets_are_variables() -> None:
    assert variables_of("[CLIENT] [client] [see below] [CLIENT] [A-B] [MONTH]") == ["CLIENT", "MONTH"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[PRÉNOM]", "There is no variable [PRÉNOM] here"),
        ("[Mois]", "There is no variable [Mois] here"),
        ("[CLIENT ]", "Did you mean [CLIENT]?"),
        ("[\N{NO-BREAK SPACE}Client]", "Did you mean [CLIENT]?"),
        ("[month]", "Did you mean [MONTH]?"),
        ("[MONHT]", "Did you mean [MONTH]?"),
        ("[LINK ENDS]", "Did you mean [LINK_ENDS]?"),
        ("[link ends]", "Did you mean [LINK_ENDS]?"),
        ("[E\N{COMBINING ACUTE ACCENT}dition]", "Did you mean [EDITION]?"),
        ("[Support]", "If it is meant as text, write [[Support]]."),
    ],
)
def test_what_could_be_meant_as_a_variable_and_is_none_is_a_fault_that_says_what_to_write(
    written: str, said: str
) -> None:
    template = ReportTemplateContent(fr=TemplateTexts(mail_body=f"Bonjour {written}, voici [LINK]"))
    (fault,) = faults_of_template(template)
    assert fault.pointer == "#/fr/mail_body"
    assert said in fault.detail


@pytest.mark.parametrize("written", ["[voir ci-dessous]", "[1]", "[…]", "[sic !]", "[[Support]]", "[[see above]]"])
def test_a_remark_in_brackets_is_text_and_so_is_a_word_in_two(written: str) -> None:
    template = ReportTemplateContent(fr=TemplateTexts(mail_body=f"{written} [LINK]"))
    assert faults_of_template(template) == []
    shown = written[1:-1] if written.startswith("[[") else written
    assert filled(f"{written} [LINK]", {"LINK": "x"}) == f"{shown} x"


def test_a_variable_in_two_brackets_is_still_replaced() -> None:
    assert filled("[[CLIENT]]", {"CLIENT": "Léa"}) == "[Léa]"
    assert faults_of("[[PRENOM]]", ["CLIENT"]).unknown == ["PRENOM"]


@given(st.lists(NAMES, max_size=6), st.sets(NAMES, max_size=6), st.sets(NAMES, max_size=3))
def test_faults_name_exactly_what_is_unknown_and_what_is_missing(
    used: list[str], declared: set[str], required: set[str]
) -> None:
    faults = faults_of("".join(f"[{name}]" for name in used), declared, sorted(required))
    assert set(faults.unknown) == set(used) - declared
    assert set(faults.missing) == required - set(used)
    assert bool(faults) == bool(faults.unknown or faults.missing)


@given(st.permutations(SECTIONS))
def test_any_order_of_all_sections_is_an_order(order: list[str]) -> None:
    assert order_faults(order, SECTIONS) == ([], [])
    assert order_faults(order[1:], SECTIONS) == ([], [order[0]])
    assert order_faults([*order, order[0]], SECTIONS) == ([order[0]], [])


def test_faults_of_a_template_say_where_they_are() -> None:
    template = ReportTemplateContent(
        order=list(SECTIONS[:-1]), fr=TemplateTexts(introduction="[PRENOM]"), en=TemplateTexts(mail_body="No link")
    )
    assert [fault.pointer for fault in faults_of_template(template)] == [
        "#/order",
        "#/fr/introduction",
        "#/en/mail_body",
    ]
    assert faults_of_template(ReportTemplateContent()) == []
