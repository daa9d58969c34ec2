"""What reporting consumes: everything. Facts are kept as they were said; deliveries to webhooks are queued."""

from reporting.handlers import contracts, everything, incidents, maintenance, messages, monitors, told
from reporting.handlers.registration import handlers

__all__ = ["contracts", "everything", "handlers", "incidents", "maintenance", "messages", "monitors", "told"]
