"""What the worker of reporting does besides events: webhooks, months, reports, mail, portal links, the audit log."""

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from reporting.adapters.deliveries import OLDEST_DELIVERY
from reporting.adapters.portal_tables import PortalAsking
from reporting.adapters.report_tables import ReportDelivery, ReportMonth
from reporting.adapters.secret_box import box_of
from reporting.adapters.status_subscriptions import StatusMail, StatusWatch
from reporting.adapters.tables import UptimePeriod, WebhookReplay
from reporting.adapters.upstream import PortalAccess
from reporting.adapters.webhook_sender import WebhookSender
from reporting.jobs.audit_checkpoints import MakeAuditCheckpoints
from reporting.jobs.deliver_webhooks import DeliverWebhooks, PruneDeliveries
from reporting.jobs.issue_reports import IssueReports
from reporting.jobs.mail_reports import MailReports
from reporting.jobs.mail_sign_in_links import ForgetOldSignIns, MailSignInLinks
from reporting.jobs.measure_months import MeasureMonths
from reporting.jobs.replay_webhooks import ReplayWebhooks
from reporting.jobs.sum_up_response_times import SumUpResponseTimes
from reporting.jobs.tell_subscribers import ForgetUnconfirmed, TellSubscribers
from reporting.settings import ReportingSettings
from shared.mail import MailServer
from shared.worker import Job, Runtime, oldest


def build_jobs(runtime: Runtime) -> Sequence[Job]:
    """The jobs of this service."""
    settings = cast(ReportingSettings, runtime.settings)
    sender = WebhookSender(runtime.http, timeout_seconds=settings.webhook_timeout_seconds)
    box = box_of(settings)
    deliver = DeliverWebhooks(runtime.units, sender, box, concurrency=settings.webhook_concurrency)
    prune = PruneDeliveries(runtime.units)
    checkpoints = MakeAuditCheckpoints(runtime.units, box, timedelta(seconds=settings.audit_checkpoint_seconds))
    # Mail waits without a server, and is nobody's lateness.
    mails = MailServer(settings).configured
    return [
        Job("deliver webhooks", deliver.run, deliver.finish, due=[OLDEST_DELIVERY]),
        Job("prune deliveries", prune.run),
        Job("replay webhooks", ReplayWebhooks(runtime.units).run, due=[oldest(WebhookReplay.due_at)]),
        Job("measure months", MeasureMonths(runtime.units).run, due=[oldest(UptimePeriod.due_at)]),
        Job("sum up response times", SumUpResponseTimes(runtime.units).run),
        Job(
            "tell subscribers",
            TellSubscribers(runtime.units, settings, box).run,
            due=[oldest(StatusWatch.due_at), *([oldest(StatusMail.due_at)] if mails else [])],
        ),
        Job("forget unconfirmed subscriptions", ForgetUnconfirmed(runtime.units).run),
        Job("issue reports", IssueReports(runtime.units).run, due=[oldest(ReportMonth.due_at)]),
        Job(
            "mail reports",
            MailReports(runtime.units, settings).run,
            due=[oldest(ReportDelivery.due_at)] if mails else [],
        ),
        Job("make audit checkpoints", checkpoints.run),
        *_portal_jobs(runtime, settings),
    ]


def _portal_jobs(runtime: Runtime, settings: ReportingSettings) -> Sequence[Job]:
    """None without a portal. Without a mail server nobody is mailed a link, and what was asked for is forgotten."""
    if settings.portal_secret is None:
        return []
    jobs = [Job("forget old sign-ins", ForgetOldSignIns(runtime.units).run)]
    mail = MailServer(settings)
    if mail.configured:
        access = PortalAccess(settings, settings.portal_secret)
        links = MailSignInLinks(runtime.units, access, mail, settings.public_url)
        jobs.append(Job("mail sign-in links", links.run, due=[oldest(PortalAsking.due_at)]))
    return jobs
