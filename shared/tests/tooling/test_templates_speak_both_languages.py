"""No template says a word that no translator was asked for: every reader would get it in English."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from shared.testing.pseudo import heard

SERVICES = Path(__file__).parents[3] / "services"
TEMPLATES = sorted(
    path for pattern in ("*.html", "*.svg", "*.txt", "*.xml") for path in SERVICES.glob(f"*/src/**/{pattern}")
)
NAMES = {"Atom", "CII", "JSON", "PDF", "UBL"}
"""Names of formats: the same in every language."""
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_NO_TEXT = re.compile(r"&\w+;|[\w-]+=\"[^\"]*\"?|same-origin")
"""Pieces of markup that a condition parted from their tags."""


def said_as_it_is(source: str) -> list[str]:
    """The words of a Jinja template outside of what it translates and of what it is given."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    tree = environment.parse(source)
    # Translated texts are calls by now; what is left as data is what the author wrote for everybody.
    text = "".join(
        part.data if isinstance(part, nodes.TemplateData) else "\N{OBJECT REPLACEMENT CHARACTER}"
        for output in tree.find_all(nodes.Output)
        for part in output.nodes
    )
    return [word for each in heard(text) for word in _LETTERS.findall(_NO_TEXT.sub(" ", each)) if word not in NAMES]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(SERVICES)))
def test_a_template_says_nothing_by_itself(path: Path) -> None:
    assert said_as_it_is(path.read_text("utf-8")) == []


def test_there_are_templates_in_three_services() -> None:
    assert {path.relative_to(SERVICES).parts[0] for path in TEMPLATES} == {"contracts", "incidents", "reporting"}
    assert len(TEMPLATES) > 25


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<p>{% trans %}Hello{% endtrans %}</p>", []),
        ("<p>{{ gettext('Hello') }} {{ name }}</p>", []),
        ("<p>Hello {{ name }}</p>", ["Hello"]),
        ('<img alt="Our logo">', ["Our", "logo"]),
        ('<a title="{{ name }}" href="/help">{{ name }}</a>', []),
        ("<p>{% if on %}Seen{% endif %}</p>", ["Seen"]),
        ("<style>p { color: red }</style>", []),
    ],
)
def test_a_word_that_was_forgotten_is_found(source: str, words: list[str]) -> None:
    assert said_as_it_is(source) == words
