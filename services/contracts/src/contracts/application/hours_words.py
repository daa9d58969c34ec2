"""Why a volume of hours is proposed, in the languages of everything that a client reads."""

from collections.abc import Mapping
from typing import Any

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
            used=t.work(average_minutes),
            months=months,
            included=t.work(included_minutes),
            over=months_over,
        )
        proposed = t.work(proposed_minutes)
        conclusion = {
            "raise": t.gettext("A higher volume fits this use: %(proposed)s a month.", proposed=proposed),
            "lower": t.gettext("A lower volume fits this use: %(proposed)s a month.", proposed=proposed),
            "shift": t.gettext("The total fits; the lines are shared out by their use."),
            "keep": t.gettext("The agreed volume fits this use."),
        }[change]
        return f"{used} {conclusion}"

    return {language: say(known.translator(language)) for language in known.languages}


def covered_words(line: Mapping[str, Any], t: Translator) -> str:
    """What a line of monthly hours covers, and how help is asked for: classes of work by their names.

    A class that the agency has made up is called as the agency calls it.
    """
    names = _work_classes(t)
    covered = [names.get(code, str(code).replace("_", " ")) for code in line["work_classes"]]
    channels = {
        "portal": t.pgettext("channel", "portal"),
        "mail": t.pgettext("channel", "e-mail"),
        "phone": t.pgettext("channel", "phone"),
        "chat": t.pgettext("channel", "chat"),
    }
    asked = [channels[code] for code in line["channels"]]
    told = ", ".join(covered)
    return f"{told} ({t.enumeration(asked)})" if asked else told


def _work_classes(t: Translator) -> Mapping[str, str]:
    return {
        "server_supervision": t.gettext("server supervision"),
        "backup": t.gettext("backups"),
        "security_update": t.gettext("security updates"),
        "dependency_upgrade": t.gettext("upgrades of frameworks and libraries"),
        "preventive": t.gettext("preventive maintenance"),
        "corrective": t.gettext("bug fixes"),
        "web_fix": t.gettext("fixes of the website"),
        "micro_evolution": t.gettext("micro-evolutions"),
        "ui_adjustment": t.gettext("adjustments of the interface"),
        "evolutionary": t.gettext("evolutions"),
        "mobile_crash": t.gettext("crashes of the mobile application"),
        "store_update": t.gettext("updates in the stores"),
        "device_adaptation": t.gettext("adaptation to devices"),
        "assistance": t.gettext("tickets and support"),
        "prioritization": t.gettext("prioritization"),
        "coordination": t.gettext("coordination"),
        "reporting": t.gettext("monthly reporting"),
        "framework_rewrite": t.gettext("rewrites that a framework forces"),
    }
