"""Longer texts of a contract, in both languages of everything that a client reads."""

from typing import Annotated, TypeAlias

from pydantic import ConfigDict, StringConstraints

from contracts.application.values import Request

Paragraph: TypeAlias = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=10_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\x00-\x20\x7f]+[^\x00]*$"
    ),
]
"""Plain text with line breaks and at least one character that can be seen."""


class Paragraphs(Request):
    """The same text in French and English."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "fr": "Le prestataire répond des dommages directs, dans la limite des sommes versées sur un an.",
                    "en": "The provider is liable for direct damage, up to what was paid in one year.",
                }
            ]
        },
    )

    fr: Paragraph
    en: Paragraph
