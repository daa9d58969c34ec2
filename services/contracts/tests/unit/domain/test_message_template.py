"""The language of an agency's own templates: values, tables, conditional blocks, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.message_template import (
    Kind,
    Malformed,
    Shown,
    Table,
    Unfilled,
    faults,
    faults_of_a_line,
    fill,
    parse,
)

TABLE = Table(("Poste", "Total"), (False, True), (("Technique", "2 h"),))
DECLARED = {"PRENOM": Kind.TEXT, "LIGNES": Kind.TABLE, "MOBILE": Kind.FLAG, "FIN": Kind.LINES}

plain = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"]))
names = st.from_regex(r"[A-Z][A-Z0-9_]{0,10}", fullmatch=True)


def text_of(template: str, **values: str | bool | Table | None) -> str:
    (piece,) = fill(template, values)
    assert isinstance(piece, str)
    return piece


def test_a_variable_is_replaced_and_other_brackets_are_text() -> None:
    assert text_of("Bonjour [PRENOM], [voir] [1]", PRENOM="Léa") == "Bonjour Léa, [voir] [1]"


def test_everything_that_has_no_value_is_told_at_once() -> None:
    with pytest.raises(Unfilled) as unfilled:
        fill("[PRENOM] [NOMBRE] [PRENOM] [VIDE]", {"VIDE": "  "})
    assert unfilled.value.names == ("PRENOM", "NOMBRE", "VIDE")


def test_a_block_is_there_exactly_when_its_variable_has_a_value() -> None:
    template = "a[?MOBILE]b[!PRENOM]c[/PRENOM][/MOBILE]d"
    assert text_of(template, MOBILE=True, PRENOM="Léa") == "abd"
    assert text_of(template, MOBILE=True) == "abcd"
    assert text_of(template, MOBILE=False) == "ad"


def test_what_a_block_that_is_not_there_asks_for_need_not_be_known() -> None:
    assert text_of("a[?MOBILE][PRENOM][/MOBILE]", MOBILE=False) == "a"


def test_marks_of_blocks_that_stand_alone_leave_no_empty_lines() -> None:
    assert text_of("a\n[?MOBILE]\nb\n[/MOBILE]\nc\n", MOBILE=True) == "a\nb\nc\n"
    assert text_of("a\n[?MOBILE]\nb\n[/MOBILE]\nc\n", MOBILE=False) == "a\nc\n"


def test_a_table_stands_between_the_texts() -> None:
    assert fill("Voici :\n[LIGNES]\nÀ bientôt", {"LIGNES": TABLE}) == ["Voici :\n", TABLE, "\nÀ bientôt"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[PRÉNOM]", "the nearest is [PRENOM]"),
        ("[Prenom]", "the nearest is [PRENOM]"),
        ("[PRENOM ]", "the nearest is [PRENOM]"),
        ("[PRENMO]", "the nearest is [PRENOM]"),
        ("[?Mobile]", "the nearest is [MOBILE]"),
        ("[/ MOBILE]", "the nearest is [MOBILE]"),
        ("[Mois]", "; if it is meant as text, write [[Mois]]"),
        ("[DATE DE FIN]", "no such variable is declared"),
    ],
)
def test_what_could_be_meant_as_a_variable_and_is_none_is_found_before_it_is_sent(written: str, said: str) -> None:
    (fault,) = faults(f"Bonjour {written}, [PRENOM]", DECLARED)
    assert fault.startswith(f"{written}: no such variable is declared")
    assert said in fault


@pytest.mark.parametrize("written", ["[voir ci-dessous]", "[1]", "[…]", "[sic !]", "[[Support]]", "[[?Mobile]]"])
def test_a_remark_in_brackets_is_text_and_so_is_a_word_in_two(written: str) -> None:
    assert faults(f"{written} [PRENOM]", DECLARED) == []
    shown = written[1:-1] if written.startswith("[[") else written
    assert text_of(f"{written} [PRENOM]", PRENOM="Léa") == f"{shown} Léa"


def test_a_variable_in_two_brackets_is_still_replaced() -> None:
    assert text_of("[[PRENOM]]", PRENOM="Léa") == "[Léa]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[?A]x", "not closed"),
        ("x[/A]", "not opened"),
        ("[?A][?B]x[/A][/B]", "close that one first"),
        ("[?A]" * 6 + "[/A]" * 6, "more than 5 blocks"),
    ],
)
def test_a_text_whose_blocks_do_not_match_is_refused_with_what_to_do(text: str, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        parse(text)


@pytest.mark.parametrize(
    ("text", "one_line", "said"),
    [
        ("[NOM]", False, "no such variable is declared"),
        ("[?NOM]x[/NOM]", False, "no such variable is declared"),
        ("[MOBILE]", False, "cannot be shown"),
        ("Voici [LIGNES]", False, "alone on its line"),
        ("[LIGNES]", True, "no room for a table"),
        ("Vos heures [FIN]", True, "no room for several lines"),
        ("[?PRENOM][FIN][/PRENOM]", True, "no room for several lines"),
    ],
)
def test_what_would_fail_when_it_is_sent_is_found_before(text: str, one_line: bool, said: str) -> None:
    (fault,) = faults(text, DECLARED, one_line=one_line)
    assert said in fault


def test_a_line_that_was_kept_before_look_alikes_were_refused_can_still_be_sent() -> None:
    kept = "[Support] Votre contrat, [PRENOM]"
    assert faults(kept, DECLARED, one_line=True)
    assert faults_of_a_line(kept, DECLARED) == []
    for text, said in (("[LIGNES]", "no room for a table"), ("[?PRENOM][FIN][/PRENOM]", "no room for several lines")):
        (fault,) = faults_of_a_line(text, DECLARED)
        assert said in fault


def test_a_sound_text_has_no_faults() -> None:
    assert faults("Bonjour [PRENOM],\n  [LIGNES]\n[?MOBILE]App[/MOBILE] [FIN]", DECLARED) == []


@given(plain)
def test_a_text_without_marks_stays_as_it_is(text: str) -> None:
    assert fill(text, {}) == ([text] if text else [])


@given(plain, names, plain, st.text(min_size=1).filter(lambda text: bool(text.strip())))
def test_a_value_is_shown_as_it_is_and_never_read_as_a_template(before: str, name: str, after: str, value: str) -> None:
    assert text_of(f"{before}[{name}]{after}", **{name: value}) == f"{before}{value}{after}"


@given(st.text(st.sampled_from("[]?!/AB\n x")))
def test_whatever_is_written_is_a_template_or_refused(text: str) -> None:
    try:
        nodes = parse(text)
    except Malformed:
        return
    names = {node.name for node in nodes if isinstance(node, Shown)}
    filled = fill(text, {"A": "a", "B": "b"}) if names <= {"A", "B"} else []
    assert all(isinstance(piece, str) for piece in filled)
