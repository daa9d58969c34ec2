"""What contracts consumes: what the service desk records and mails, and what its clocks tell."""

from contracts.handlers import advice, service_desk
from contracts.handlers.registration import handlers

__all__ = ["advice", "handlers", "service_desk"]
