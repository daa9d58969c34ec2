"""What a contract says of obligations: who owes what, which lists the client keeps fresh, when advice is sent again."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, model_validator

from contracts.application.service_desk_words import catalogues
from contracts.application.values import Code, Price, Request, Texts
from contracts.domain.obligations import Owner
from shared.i18n import Translator
from shared.values import LocalDate

Days: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=3650, json_schema_extra={"format": "int32"})]
AgreedKind = Literal["access", "information", "validation", "credential_rotation", "update", "other"]
Register = Literal["functions", "anomalies", "works"]

REGISTERS: tuple[Register, ...] = ("functions", "anomalies", "works")


def register_code(register: Register) -> str:
    """The code, and the kind, of the obligation to keep a register fresh."""
    return f"{register}_register"


class Worth(Price):
    """What something that is owed once, or each time, is worth: what its lateness is counted by."""


def check_worth(owner: Owner, worth: Worth | None) -> None:
    """Raises ValueError for a worth of what the client owes: what is late of it costs the provider nothing."""
    if worth is not None and owner != "provider":
        raise ValueError("only what the provider owes has a worth: leave it out")


class AgreedObligation(Request):
    """Something that a party owes by a date, or again and again."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "code": "hosting_password",
                    "owner": "client",
                    "kind": "credential_rotation",
                    "title": {"fr": "Changer le mot de passe de l’hébergeur", "en": "Change the hosting password"},
                    "every_days": 90,
                }
            ]
        },
    )

    code: Code = Field(description="What amendments know it by.", examples=["hosting_password"])
    owner: Owner = Field(description="Who owes it; overdue, it is a breach by him.")
    kind: AgreedKind
    title: Texts
    first_due_on: LocalDate | None = Field(
        default=None, description="Last day of the first turn in the client's zone; null: `every_days` after the start."
    )
    every_days: Days | None = Field(default=None, description="Due again so long after it was kept; null: once.")
    worth: Worth | None = Field(
        default=None,
        description="What `penalties.late` is counted by, in the currency of the price; null: lateness costs nothing.",
    )

    @model_validator(mode="after")
    def _due_some_time(self) -> Self:
        check_worth(self.owner, self.worth)
        if self.first_due_on is None and self.every_days is None:
            raise ValueError("give first_due_on, every_days, or both: it is never due without")
        if self.code in {register_code(register) for register in REGISTERS}:
            raise ValueError(f"{self.code} is the code of a register: say its days in client_registers")
        return self


class RegisterFreshness(Request):
    """After how many days without an update a list of the client's is stale, which is a breach; null: not agreed."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"functions": 180, "anomalies": 30, "works": 30}]}
    )

    functions: Days | None = None
    anomalies: Days | None = None
    works: Days | None = None

    def days_of(self, register: Register) -> int | None:
        """How long a register stays fresh."""
        days: int | None = getattr(self, register)
        return days


class ObligationTerms(Request):
    """The obligations of both parties, with their dates."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"client_registers": {"functions": 180, "anomalies": 30}, "advice_resent_after_days": 7}]
        },
    )

    agreed: list[AgreedObligation] = Field(default_factory=list, max_length=100)
    client_registers: RegisterFreshness = Field(default_factory=RegisterFreshness)
    advice_resent_after_days: Days = Field(default=7, description="Until it is acknowledged, advice is sent again.")

    @model_validator(mode="after")
    def _codes_are_unique(self) -> Self:
        codes = [item.code for item in self.agreed]
        if len(set(codes)) != len(codes):
            raise ValueError("agreed uses a code twice")
        return self


def in_words(terms: ObligationTerms) -> dict[str, list[str]]:
    """Language to the sentences that stand in the document that both parties sign."""
    known = catalogues()
    return {language: list(obligation_sentences(terms, known.translator(language))) for language in known.languages}


def obligation_sentences(terms: ObligationTerms, t: Translator) -> Iterator[str]:
    """The sentences in one language."""
    for item in terms.agreed:
        title = item.title.fr if t.language == "fr" else item.title.en
        owner = t.gettext("the provider") if item.owner == "provider" else t.gettext("the client")
        if item.first_due_on is not None:
            yield t.gettext(
                "Owed by %(owner)s until %(day)s: %(title)s.", owner=owner, title=title, day=t.date(item.first_due_on)
            )
        if item.every_days is not None:
            yield t.gettext(
                "Owed by %(owner)s again within %(time)s after it was last done: %(title)s.",
                owner=owner,
                title=title,
                time=_days(t, item.every_days),
            )
        if item.worth is not None:
            worth = t.money(item.worth.amount, item.worth.currency)
            yield t.gettext("For its lateness, %(title)s is worth %(worth)s.", title=title, worth=worth)
    for register in REGISTERS:
        days = terms.client_registers.days_of(register)
        if days is None:
            continue
        time = _days(t, days)
        if register == "functions":
            yield t.gettext("The client updates or confirms the list of functions within %(time)s.", time=time)
        elif register == "anomalies":
            yield t.gettext("The client updates or confirms the list of anomalies within %(time)s.", time=time)
        else:
            yield t.gettext("The client updates or confirms the list of works within %(time)s.", time=time)
    yield t.gettext(
        "Advice that the client has not acknowledged is sent again after %(time)s.",
        time=_days(t, terms.advice_resent_after_days),
    )


def _days(t: Translator, days: int) -> str:
    return t.ngettext("%(count)s day", "%(count)s days", days)
