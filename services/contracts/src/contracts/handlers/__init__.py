"""What contracts consumes: what the service desk records and mails, what was worked, and the facts of settlement."""

from contracts.handlers import advice, facts, hours, service_desk
from contracts.handlers.registration import handlers

__all__ = ["advice", "facts", "handlers", "hours", "service_desk"]
