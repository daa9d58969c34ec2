"""What contracts consumes: what the service desk records, what was worked, and the facts that settlement is made of."""

from contracts.handlers import facts, hours, service_desk
from contracts.handlers.registration import handlers

__all__ = ["facts", "handlers", "hours", "service_desk"]
