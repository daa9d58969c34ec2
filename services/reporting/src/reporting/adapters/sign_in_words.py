"""Why signing in through a provider failed, and what to do next, in the words of whoever tried."""

from dataclasses import dataclass

from reporting.application.single_sign_on import Fault
from shared.i18n import Translator


@dataclass(frozen=True)
class Failure:
    """What a page says. `again` tells whether beginning again may help, `other` whether with another account."""

    status: int
    title: str
    text: str
    again: bool
    other: bool


def failure(t: Translator, fault: Fault) -> Failure:
    """The status of the answer and what a visitor reads."""
    status, title, text = _told(t, fault)
    other = fault in ("not_admitted", "unknown_person", "no_address", "not_verified")
    return Failure(status, title, text, again=fault != "turned_off" and not other, other=other)


def _told(t: Translator, fault: Fault) -> tuple[int, str, str]:  # noqa: PLR0911  (a sentence for each)
    match fault:
        case "begun_elsewhere":
            return (
                400,
                t.gettext("This sign-in is over"),
                t.gettext("It was begun in another browser, was used already, or took more than ten minutes."),
            )
        case "declined":
            return (
                403,
                t.gettext("You were not signed in"),
                t.gettext("You broke the sign-in off, or your organisation did not agree to it."),
            )
        case "provider_refused":
            return (
                502,
                t.gettext("Your organisation's sign-in did not work"),
                t.gettext(
                    "It refused what we asked of it. Begin again; should that not help, tell your agency: the settings"
                    " of this sign-in have to be looked at."
                ),
            )
        case "provider_away":
            return (
                503,
                t.gettext("Your organisation's sign-in did not work"),
                t.gettext("It does not answer as it should at the moment. Try again in some minutes."),
            )
        case "not_proven":
            return (
                403,
                t.gettext("You were not signed in"),
                t.gettext(
                    "What your organisation's sign-in answered could not be verified. Begin again; should that not"
                    " help, tell your agency."
                ),
            )
        case "no_address":
            return (
                403,
                t.gettext("Your mail address is missing"),
                t.gettext(
                    "Your organisation's sign-in did not tell us your mail address. Ask those who look after it to"
                    " pass it on."
                ),
            )
        case "not_verified":
            return (
                403,
                t.gettext("Your mail address is not verified"),
                t.gettext(
                    "Your organisation's sign-in does not vouch for your mail address. Verify it there, or ask those"
                    " who look after it."
                ),
            )
        case "not_admitted":
            return (
                403,
                t.gettext("This account is not let in"),
                t.gettext("You signed in, but not with an account that opens this. Ask your agency which one does."),
            )
        case "unknown_person":
            return (
                403,
                t.gettext("Nobody has let you in yet"),
                t.gettext("You signed in, but your mail address opens nothing here. Ask your agency to let you in."),
            )
        case "too_often":
            return (
                429,
                t.gettext("Not so fast"),
                t.gettext("There were too many sign-ins from where you are. Try again in a minute."),
            )
        case "away":
            return (
                503,
                t.gettext("Not available just now"),
                t.gettext("This cannot be read at the moment. Nothing was lost; try again in a minute."),
            )
        case "turned_off":
            return (
                404,
                t.gettext("This sign-in is turned off"),
                t.gettext("Nobody signs in this way any more. Ask your agency how to get in now."),
            )
