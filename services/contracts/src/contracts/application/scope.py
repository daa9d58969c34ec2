"""The scope of a contract: categories of requests that are in, out, or to be scoped first."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, model_validator

from contracts.application.service_desk import Minutes
from contracts.application.values import Code, Request, Texts
from contracts.domain.scope import Category, Verdict, Why

_EXAMPLES: list[JsonValue] = [
    {
        "categories": [
            {
                "code": "content_fix",
                "name": {"fr": "Correction d’un contenu", "en": "Fix of a piece of content"},
                "verdict": "in",
                "limit_minutes": 60,
            },
            {
                "code": "redesign",
                "name": {"fr": "Refonte graphique", "en": "Visual redesign"},
                "verdict": "out",
                "limit_minutes": None,
            },
        ]
    }
]


class ScopeCategory(Request):
    """One category of requests, and where it stands."""

    code: Code = Field(examples=["content_fix"])
    name: Texts
    verdict: Verdict = Field(description="in; out: an explicit exclusion; needs_scoping: an estimate comes first.")
    limit_minutes: Minutes | None = Field(
        default=None, description="Only of what is in: what takes longer is scoped first."
    )

    @model_validator(mode="after")
    def _only_what_is_in_has_a_limit(self) -> Self:
        if self.limit_minutes is not None and self.verdict != "in":
            raise ValueError("only a category that is in has limit_minutes")
        return self

    def as_value(self) -> Category:
        """The category as the domain knows it."""
        return Category(self.code, self.verdict, self.limit_minutes)


class Scope(Request):
    """What is in scope, what is not, and what is scoped first. A category that is not named is scoped first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": _EXAMPLES})

    categories: list[ScopeCategory] = Field(max_length=100)

    @model_validator(mode="after")
    def _one_verdict_a_category(self) -> Self:
        codes = [category.code for category in self.categories]
        if len(set(codes)) != len(codes):
            raise ValueError("has two verdicts on one category")
        return self

    def of(self, verdict: Verdict) -> list[ScopeCategory]:
        """The categories with this verdict, in their order."""
        return [category for category in self.categories if category.verdict == verdict]


class ScopeQuestion(Request):
    """A request to classify."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"category": "content_fix", "estimated_minutes": 30, "approved": False}]},
    )

    category: Code
    estimated_minutes: Minutes | None = None
    approved: StrictBool = Field(
        default=False, description="The client has approved that it is done on the included hours all the same."
    )


class ScopeAnswer(BaseModel):
    """Where a request stands. `approval_required`: before it may draw on the included hours."""

    verdict: Verdict
    why: Why
    consumes_included_hours: bool
    approval_required: bool
