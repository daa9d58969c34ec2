"""What is said before signing, in the languages of everything that a client reads."""

from collections.abc import Callable

from contracts.application.service_desk_words import catalogues
from contracts.domain.eligibility import Reason
from contracts.domain.price_breakdown import Line
from contracts.domain.recommendation import Caution, Why
from shared.i18n import Translator


def _in_each(say: Callable[[Translator], str]) -> dict[str, str]:
    known = catalogues()
    return {language: say(known.translator(language)) for language in known.languages}


def eligibility_words(reason: Reason) -> dict[str, str]:
    """A criterion of the questionnaire that decided, as a sentence."""

    def say(t: Translator) -> str:
        return {
            "in_production": t.gettext("The system is in production."),
            "business_dependency": t.gettext("The business depends on it: continuity is required."),
            "availability_required": t.gettext("There are requirements of availability."),
            "sensitive_or_regulated_data": t.gettext("Its data are sensitive or regulated."),
            "continuity_and_evolution_required": t.gettext("Both continuity and evolution are required."),
            "not_stabilized": t.gettext("The project is not stabilized: a diagnostic comes first."),
            "experimental": t.gettext("The product is still experimental: a diagnostic comes first."),
            "no_business_owner": t.gettext("Nobody at the client answers for the system: name a business owner."),
            "no_governance": t.gettext("Support is expected without governance: a diagnostic comes first."),
            "not_in_production": t.gettext("The system is not in production yet: a diagnostic comes first."),
            "nothing_to_support": t.gettext("Nothing is asked of the system that would need support."),
        }[reason]

    return _in_each(say)


def recommendation_words(why: Why, points: int) -> dict[str, str]:
    """Why a level is not lower, as a sentence."""

    def say(t: Translator) -> str:
        return {
            "score": t.gettext(
                "Criticality, dependency and risk tolerance come to %(points)s points out of 6.", points=points
            ),
            "critical_and_no_risk_borne": t.gettext("The system is critical, and no risk can be borne."),
            "heavy_usage": t.gettext("The application is heavily used in production."),
            "sensitive_system": t.gettext("The system is sensitive: support with contractual guarantees is required."),
            "application_platform": t.gettext(
                "It is an application platform: support with contractual guarantees is required."
            ),
        }[why]

    return _in_each(say)


def caution_words(caution: Caution) -> dict[str, str]:
    """What must be said when a level is chosen."""

    def say(t: Translator) -> str:
        return {
            "sensitive_asset_on_level_one": t.gettext(
                "The asset is sensitive, and level 1 has no contractual guarantees of response."
            ),
            "below_the_recommendation": t.gettext("The chosen level is below the one that was recommended."),
        }[caution]

    return _in_each(say)


def price_words(line: Line, currency: str, reason: str | None) -> dict[str, str]:
    """One step of a price, as a sentence. `reason` is that of an adjustment."""

    def say(t: Translator) -> str:
        amount = t.money(str(line.amount), currency)
        of = "" if line.of is None else t.money(str(line.of), currency)
        percent = "" if line.percent is None else t.percent(str(line.percent))
        match line.factor:
            case "base":
                return t.gettext("Base: %(amount)s a month.", amount=amount)
            case "scope":
                return t.gettext(
                    "Scope, %(name)s: %(count)s more than the base includes, each %(percent)s of %(of)s: %(amount)s.",
                    name=line.name, count=line.count, percent=percent, of=of, amount=amount,
                )  # fmt: skip
            case "environments":
                return t.gettext(
                    "Environments, %(name)s: %(count)s more than the base includes, each %(percent)s of %(of)s:"
                    " %(amount)s.",
                    name=line.name, count=line.count, percent=percent, of=of, amount=amount,
                )  # fmt: skip
            case "criticality":
                return t.gettext(
                    "Criticality, %(name)s: %(percent)s of %(of)s: %(amount)s.",
                    name=line.name, percent=percent, of=of, amount=amount,
                )  # fmt: skip
            case "service_level":
                return t.gettext(
                    "Service level, %(name)s: %(percent)s of %(of)s: %(amount)s.",
                    name=line.name, percent=percent, of=of, amount=amount,
                )  # fmt: skip
            case "adjustment":
                return t.gettext("Agreed: %(amount)s (%(reason)s).", amount=amount, reason=reason)

    return _in_each(say)
