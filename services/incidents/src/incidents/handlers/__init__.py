"""What incidents consumes: contracts, what their clients owe and are told, what monitors see, webhooks that ended."""

from incidents.handlers import advice, contracts, monitors, obligations, webhooks
from incidents.handlers.registration import alert_by_default, handlers

__all__ = ["advice", "alert_by_default", "contracts", "handlers", "monitors", "obligations", "webhooks"]
