"""What the worker role does besides relay and consumers: due clocks and escalations, cover ahead, queued messages."""

from collections.abc import Sequence
from datetime import timedelta

from incidents.adapters.defaults import default_recipients, incidents_settings
from incidents.handlers import alert_by_default
from incidents.jobs.clocks import DueClocks
from incidents.jobs.cover import AgencyMail, CoverAhead
from incidents.jobs.escalations import DueEscalations
from incidents.jobs.notifications import Outbound
from shared.worker import Job, Runtime


def jobs(runtime: Runtime) -> Sequence[Job]:
    """The jobs of this process. Its handlers learn the settings here too."""
    settings = incidents_settings(runtime.settings)
    recipients = default_recipients(settings)
    alert_by_default(recipients)
    look_ahead = timedelta(days=settings.cover_look_ahead_days)
    return (
        Job("due clocks", DueClocks(runtime.units, runtime.clock, recipients).run),
        Job("notifications", Outbound(runtime.units, settings).run),
        Job("escalations", DueEscalations(runtime.units, runtime.clock, recipients).run),
        Job("cover ahead", CoverAhead(runtime.units, look_ahead, recipients).run),
        Job("agency mail", AgencyMail(runtime.units, settings).run),
    )
