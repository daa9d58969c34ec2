"""What incidents consumes: contracts, what their clients owe for an item, and what monitors see."""

from incidents.handlers import contracts, monitors, obligations
from incidents.handlers.registration import alert_by_default, handlers

__all__ = ["alert_by_default", "contracts", "handlers", "monitors", "obligations"]
