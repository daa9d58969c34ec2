"""What subscribers of a page are told, in their language: subject and text."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from reporting.adapters import words
from reporting.application.status_page import ShownPage
from shared.i18n import Translator


def status_mail(t: Translator, page: ShownPage, url: str, news: Mapping[str, Any], link: str) -> tuple[str, str]:
    """Subject and text of one piece of news; `link` confirms or ends the subscription."""
    content = page.content
    zone = ZoneInfo(content.time_zone)

    def when(instant: str) -> str:
        return t.datetime(datetime.fromisoformat(instant), zone)

    told: list[str]
    if news["kind"] == "confirm":
        subject = t.gettext("Please confirm your subscription")
        told = [
            t.gettext(
                "Somebody, most likely you, asked for mails about the state of %(name)s. Open this address to confirm:",
                name=content.name,
            ),
            link,
            t.gettext("Without that you get no further mail, and your address is forgotten within two days."),
        ]
        return f"[{content.name}] {subject}", _text(told)
    if news["kind"] == "closed":
        subject = t.gettext("Your subscription has ended")
        told = [
            t.gettext("The page %(name)s is not open to everybody any more.", name=content.name),
            t.gettext(
                "So no mail about it follows, and your address is forgotten within two days. Whoever may read the page "
                "can subscribe again there:"
            ),
            url,
            f"-- \n{content.agency_name}",
        ]
        return f"[{content.name}] {subject}", _text(told)
    # Kinds that the release before does not know keep what they tell where it finds nothing: it leaves them to be sent.
    about = news.get("about", news)
    if news["kind"] == "scheduled":
        subject = words.maintenance_title(t, about["name"])
        again = t.gettext("It is planned again after that. The page tells when; no mail announces each time.")
        told = [_times(t, about, when), again if about.get("again") else "", ", ".join(about["touched"])]
    elif news["kind"] == "cancelled":
        subject = t.gettext("Called off: %(work)s", work=words.maintenance_title(t, about["name"]))
        told = [_times(t, about, when), _not_then(t, about)]
    elif news["kind"] == "said":
        # Queued before people could put incidents on pages, it has no title and touches nothing but its component.
        subject = words.incident_title(t, news.get("titles", {}), news["name"], over=news["over"])[1]
        status = words.public_incident_status(t, news["status"])
        told = [
            words.labelled(t, when(news["from"]), status),
            words.told(t, news["texts"])[1],
            ", ".join(news.get("touched", [])),
        ]
    elif news["kind"] == "down":
        subject = words.outage_title(t, news["name"], over=False)
        told = [t.gettext("Since %(start)s", start=when(news["from"]))]
    elif news["kind"] == "left":
        subject = t.gettext("%(component)s: no more news of the interruption", component=about["name"])
        told = [
            t.gettext(
                "Unavailable since %(start)s. Since %(end)s this page does not tell any more whether it answers again.",
                start=when(about["from"]),
                end=when(about["to"]),
            )
        ]
    elif news["kind"] == "flapping":
        subject = t.gettext("%(component)s comes and goes", component=about["name"])
        told = [
            t.gettext("Unavailable again and again since %(start)s.", start=when(about["from"])),
            t.gettext("No mail tells of each time. One follows when it is calm, and tells how it stands then."),
        ]
    elif news.get("unwatched"):
        subject = t.gettext("%(component)s: the interruption is no longer monitored", component=about["name"])
        told = [
            t.gettext(
                "Unavailable since %(start)s. Nobody has checked since %(end)s whether it answers again.",
                start=when(about["from"]),
                end=when(about["to"]),
            )
        ]
    else:
        subject = t.gettext("%(component)s is available again", component=news["name"])
        told = [t.gettext("Unavailable from %(start)s to %(end)s", start=when(news["from"]), end=when(news["to"]))]
    zone_text = t.gettext("Times of %(zone)s", zone=t.zone(zone, datetime.fromisoformat(about["from"])))
    left = t.gettext("To get no more of these mails: %(link)s", link=link)
    return f"[{content.name}] {subject}", _text([*told, zone_text, url, f"-- \n{content.agency_name}\n{left}"])


def dropped_mail(t: Translator, news: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and text for whoever was told of a page that its agency keeps no more."""
    about = news["about"]
    told = [
        t.gettext("The page %(name)s is not kept any more.", name=about["name"]),
        t.gettext("So no mail about it follows, and your address is forgotten within two days."),
        f"-- \n{about['agency']}",
    ]
    return f"[{about['name']}] {t.gettext('Your subscription has ended')}", _text(told)


def _times(t: Translator, about: Mapping[str, Any], when: Callable[[str], str]) -> str:
    """When planned work takes place, a line for each time that is told."""
    times = about.get("times", [[about["from"], about["to"]]])
    return "\n".join(t.gettext("From %(start)s to %(end)s", start=when(start), end=when(end)) for start, end in times)


def _not_then(t: Translator, about: Mapping[str, Any]) -> str:
    if about.get("again"):
        return t.gettext("This work does not take place then, nor after that.")
    if "times" in about:
        return t.gettext("This work does not take place at any of these times.")
    return t.gettext("This work does not take place at that time.")


def _text(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
