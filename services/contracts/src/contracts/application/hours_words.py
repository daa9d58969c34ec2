"""Why a volume of hours is proposed, in the languages of everything that a client reads."""

from contracts.application.service_desk_words import catalogues
from shared.i18n import Translator


def review_words(
    change: str, months: int, average_minutes: int, included_minutes: int, proposed_minutes: int, months_over: int
) -> dict[str, str]:
    """Language to the reason."""
    known = catalogues()

    def say(t: Translator) -> str:
        used = t.gettext(
            "On average %(used)s a month were used over %(months)s months, of %(included)s agreed; %(over)s of them"
            " went over.",
            used=_hours(t, average_minutes),
            months=months,
            included=_hours(t, included_minutes),
            over=months_over,
        )
        proposed = _hours(t, proposed_minutes)
        conclusion = {
            "raise": t.gettext("A higher volume fits this use: %(proposed)s a month.", proposed=proposed),
            "lower": t.gettext("A lower volume fits this use: %(proposed)s a month.", proposed=proposed),
            "shift": t.gettext("The total fits; the lines are shared out by their use."),
            "keep": t.gettext("The agreed volume fits this use."),
        }[change]
        return f"{used} {conclusion}"

    return {language: say(known.translator(language)) for language in known.languages}


def _hours(t: Translator, minutes: int) -> str:
    whole, rest = divmod(minutes, 60)
    told = t.ngettext("%(count)s hour", "%(count)s hours", whole)
    return f"{told} {t.ngettext('%(count)s minute', '%(count)s minutes', rest)}" if rest else told
