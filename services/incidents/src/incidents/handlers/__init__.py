"""What incidents consumes: contracts and what monitors see."""

from incidents.handlers import contracts, monitors
from incidents.handlers.registration import alert_by_default, handlers

__all__ = ["alert_by_default", "contracts", "handlers", "monitors"]
