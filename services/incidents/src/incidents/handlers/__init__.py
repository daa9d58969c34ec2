"""What incidents consumes: contracts, what monitors see, and what clients are told."""

from incidents.handlers import advice, contracts, monitors
from incidents.handlers.registration import alert_by_default, handlers

__all__ = ["advice", "alert_by_default", "contracts", "handlers", "monitors"]
