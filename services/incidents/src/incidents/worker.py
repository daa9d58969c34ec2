"""What the worker role does besides relay and consumers: what falls due, what is sent, what comes in."""

from collections.abc import Sequence
from datetime import timedelta

from incidents.adapters.defaults import box_of, default_recipients, incidents_settings
from incidents.adapters.reception import Reception
from incidents.handlers import alert_by_default
from incidents.jobs.advice_mail import AdviceMail
from incidents.jobs.clocks import DueClocks
from incidents.jobs.cover import AgencyMail, CoverAhead
from incidents.jobs.escalations import DueEscalations
from incidents.jobs.external_tools import ExternalTools
from incidents.jobs.item_facts import ItemFacts
from incidents.jobs.mailboxes import Mailboxes
from incidents.jobs.notifications import Outbound
from incidents.jobs.receipts import OldReceipts
from incidents.jobs.work_orders import DueSchedules
from shared.worker import Job, Runtime


def jobs(runtime: Runtime) -> Sequence[Job]:
    """The jobs of this process. Its handlers learn the settings here too."""
    settings = incidents_settings(runtime.settings)
    recipients = default_recipients(settings)
    alert_by_default(recipients)
    box = box_of(settings)
    reception = Reception(runtime.units, box, recipients)
    look_ahead = timedelta(days=settings.cover_look_ahead_days)
    return (
        Job("due clocks", DueClocks(runtime.units, runtime.clock, recipients).run),
        Job("due schedules", DueSchedules(runtime.units).run),
        Job("notifications", Outbound(runtime.units, settings).run),
        Job("mailboxes", Mailboxes(runtime.units, reception, box, settings).run),
        Job("external tools", ExternalTools(runtime.units, runtime.http, box).run),
        Job("escalations", DueEscalations(runtime.units, runtime.clock, recipients).run),
        Job("cover ahead", CoverAhead(runtime.units, look_ahead, recipients).run),
        Job("item facts", ItemFacts(runtime.units).run),
        Job("old receipts", OldReceipts(runtime.units, timedelta(days=settings.receipt_retention_days)).run),
        Job("agency mail", AgencyMail(runtime.units, settings).run),
        Job("advice mail", AdviceMail(runtime.units, settings).run),
    )
