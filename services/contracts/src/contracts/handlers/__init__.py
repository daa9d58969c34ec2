"""What contracts consumes: what the service desk records and mails, what was worked, and what its clocks tell."""

from contracts.handlers import advice, hours, service_desk
from contracts.handlers.registration import handlers

__all__ = ["advice", "handlers", "hours", "service_desk"]
