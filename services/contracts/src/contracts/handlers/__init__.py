"""What contracts consumes: what the service desk records, what was worked, and what its clocks tell."""

from contracts.handlers import hours, service_desk
from contracts.handlers.registration import handlers

__all__ = ["handlers", "hours", "service_desk"]
