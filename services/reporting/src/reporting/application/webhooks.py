"""What cannot be done with a webhook, in words that know no HTTP."""

from datetime import datetime

from reporting.domain.replays import Fault


class WebhookIsDisabled(Exception):
    """Nothing can be sent to a webhook that is switched off."""


class DeliveryIsUnderWay(Exception):
    """The delivery will be tried anyway; there is nothing to retry."""


class TooManyWebhooks(Exception):
    """The agency has as many as it may have. The message is how many."""


class TooManyKeys(Exception):
    """So many keys from before still sign beside the present ones that no more may; the first ends at `until`."""

    def __init__(self, most: int, until: datetime) -> None:
        super().__init__(most, until)
        self.most, self.until = most, until


class ReplayIsRunning(Exception):
    """One stretch is replayed for a webhook at a time."""


class NoSuchRange(Exception):
    """Nothing can be replayed from this stretch of time."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault
