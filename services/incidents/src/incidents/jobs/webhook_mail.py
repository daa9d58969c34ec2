"""What the agency is told when a webhook gets nothing more; `AgencyMail` sends it."""

from datetime import datetime
from zoneinfo import ZoneInfo

from incidents.adapters.on_call_tables import AgencyMessageRow
from shared.i18n import Translator
from shared.mail import one_line


def webhook_disabled_text(translator: Translator, row: AgencyMessageRow, zone: ZoneInfo) -> tuple[str, str]:
    """Subject and body, in a language and a zone.

    Of the receiver's address the host is named: the rest may open its door.
    """
    told, gettext = row.details, translator.gettext
    host = one_line(told["host"])
    since = translator.datetime(datetime.fromisoformat(told["failing_since"] or told["disabled_at"]), zone)
    lines = [gettext("Upheld has stopped sending to the webhook on %(host)s.", host=host)]
    if told["description"]:
        lines.append(gettext("Its description: %(description)s", description=one_line(told["description"])))
    if told["reason"] == "gone":
        lines.append(gettext("Its receiver answered 410: there is nobody to receive anything any more."))
    else:
        lines.append(gettext("Nothing that was sent since %(instant)s has arrived.", instant=since))
        if told["last_status_code"] is None:
            lines.append(gettext("The last time there was no answer at all."))
        else:
            lines.append(gettext("The last answer was %(status)s.", status=told["last_status_code"]))
    log = f"GET /v1/webhooks/{told['webhook_id']}/deliveries"
    lines += [
        "",
        gettext("Nothing that happens from now on is sent until somebody enables the webhook again."),
        gettext("What was missed can be sent then: ask for a replay since %(instant)s.", instant=since),
        gettext("The log of its deliveries says what its receiver answered: %(path)s", path=log),
        gettext("Times are those of %(zone)s.", zone=translator.zone(zone, row.created_at)),
    ]
    return one_line(gettext("The webhook on %(host)s gets nothing more", host=host)), "\n".join(lines) + "\n"
