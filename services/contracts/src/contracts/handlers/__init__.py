"""What contracts consumes: what the service desk records, and what its clocks tell."""

from contracts.handlers import service_desk
from contracts.handlers.registration import handlers

__all__ = ["handlers", "service_desk"]
