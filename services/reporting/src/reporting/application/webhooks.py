"""What cannot be done with a webhook, in words that know no HTTP."""


class WebhookIsDisabled(Exception):
    """Nothing can be sent to a webhook that is switched off."""


class DeliveryIsUnderWay(Exception):
    """The delivery will be tried anyway; there is nothing to retry."""
