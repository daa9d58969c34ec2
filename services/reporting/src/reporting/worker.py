"""What the worker of reporting does besides events: it sends webhooks, measures months, signs the audit log."""

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from reporting.adapters.secret_box import SecretBox
from reporting.adapters.webhook_sender import WebhookSender
from reporting.jobs.audit_checkpoints import MakeAuditCheckpoints
from reporting.jobs.deliver_webhooks import DeliverWebhooks, PruneDeliveries
from reporting.jobs.measure_months import MeasureMonths
from reporting.settings import ReportingSettings
from shared.worker import Job, Runtime


def build_jobs(runtime: Runtime) -> Sequence[Job]:
    """The jobs of this service."""
    settings = cast(ReportingSettings, runtime.settings)
    sender = WebhookSender(runtime.http, timeout_seconds=settings.webhook_timeout_seconds)
    deliver = DeliverWebhooks(
        runtime.units, sender, SecretBox(settings.secret_key), concurrency=settings.webhook_concurrency
    )
    prune = PruneDeliveries(runtime.units)
    checkpoints = MakeAuditCheckpoints(
        runtime.units, SecretBox(settings.secret_key), timedelta(seconds=settings.audit_checkpoint_seconds)
    )
    return [
        Job("deliver webhooks", deliver.run, deliver.finish),
        Job("prune deliveries", prune.run),
        Job("measure months", MeasureMonths(runtime.units).run),
        Job("make audit checkpoints", checkpoints.run),
    ]
