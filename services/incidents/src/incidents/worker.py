"""What the worker role does besides relay and consumers: what falls due, what is sent, what comes in."""

from collections.abc import Sequence
from datetime import timedelta

from incidents.adapters.advice_tables import AdviceMailRow
from incidents.adapters.defaults import box_of, default_recipients, incidents_settings
from incidents.adapters.desk_tables import ScheduleRow
from incidents.adapters.intake_tables import IntakeSourceRow
from incidents.adapters.on_call_tables import AgencyMessageRow, CoverLookRow, EscalationLevelRow
from incidents.adapters.reception import Reception
from incidents.adapters.tables import ClockDueRow
from incidents.handlers import alert_by_default
from incidents.jobs.advice_mail import AdviceMail
from incidents.jobs.clocks import DueClocks
from incidents.jobs.cover import AgencyMail, CoverAhead
from incidents.jobs.escalations import DueEscalations
from incidents.jobs.external_tools import OLDEST_DELIVERY, ExternalTools
from incidents.jobs.item_facts import ItemFacts
from incidents.jobs.mailboxes import Mailboxes
from incidents.jobs.notifications import OLDEST_MESSAGE, Outbound
from incidents.jobs.receipts import OldReceipts
from incidents.jobs.work_orders import DueSchedules
from shared.worker import Job, Runtime, oldest


def jobs(runtime: Runtime) -> Sequence[Job]:
    """The jobs of this process. Its handlers learn the settings here too."""
    settings = incidents_settings(runtime.settings)
    recipients = default_recipients(settings)
    alert_by_default(recipients)
    box = box_of(settings)
    reception = Reception(runtime.units, box, recipients)
    look_ahead = timedelta(days=settings.cover_look_ahead_days)
    # Mail waits without a server, and is nobody's lateness.
    mails = settings.smtp_host is not None
    outbound = Outbound(runtime.units, settings, runtime.stopping)
    mailboxes = Mailboxes(runtime.units, reception, box, settings, runtime.stopping)
    external_tools = ExternalTools(runtime.units, runtime.http, box, runtime.stopping)
    return (
        Job(
            "due clocks",
            DueClocks(runtime.units, runtime.clock, recipients).run,
            due=[oldest(ClockDueRow.next_due_at)],
        ),
        Job("due schedules", DueSchedules(runtime.units).run, due=[oldest(ScheduleRow.due_at)]),
        Job("notifications", outbound.run, outbound.finish, due=[OLDEST_MESSAGE]),
        Job(
            "mailboxes",
            mailboxes.run,
            mailboxes.finish,
            due=[oldest(IntakeSourceRow.next_poll_at, IntakeSourceRow.enabled)],
        ),
        Job("external tools", external_tools.run, external_tools.finish, due=[OLDEST_DELIVERY]),
        Job(
            "escalations",
            DueEscalations(runtime.units, runtime.clock, recipients).run,
            due=[oldest(EscalationLevelRow.due_at, EscalationLevelRow.fired_at.is_(None))],
        ),
        Job(
            "cover ahead",
            CoverAhead(runtime.units, look_ahead, recipients).run,
            due=[oldest(CoverLookRow.due_at)],
        ),
        Job("item facts", ItemFacts(runtime.units).run),
        Job("old receipts", OldReceipts(runtime.units, timedelta(days=settings.receipt_retention_days)).run),
        Job(
            "agency mail",
            AgencyMail(runtime.units, settings).run,
            due=[oldest(AgencyMessageRow.next_attempt_at)] if mails else [],
        ),
        Job(
            "advice mail",
            AdviceMail(runtime.units, settings).run,
            due=[oldest(AdviceMailRow.next_attempt_at)] if mails else [],
        ),
    )
