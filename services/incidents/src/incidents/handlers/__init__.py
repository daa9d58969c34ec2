"""What incidents consumes: contracts, what their clients owe and are told, what monitors see, webhooks that ended,
reports that were sent to nobody.
"""

from incidents.handlers import advice, contracts, monitors, obligations, report_deliveries, webhooks
from incidents.handlers.registration import alert_by_default, handlers

__all__ = [
    "advice",
    "alert_by_default",
    "contracts",
    "handlers",
    "monitors",
    "obligations",
    "report_deliveries",
    "webhooks",
]
