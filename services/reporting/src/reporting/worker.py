"""What the worker of reporting does besides relaying and consuming events: it sends webhooks and measures months."""

from collections.abc import Sequence
from typing import cast

from reporting.adapters.secret_box import SecretBox
from reporting.adapters.webhook_sender import WebhookSender
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
    return [
        Job("deliver webhooks", deliver.run, deliver.finish),
        Job("prune deliveries", prune.run),
        Job("measure months", MeasureMonths(runtime.units).run),
    ]
