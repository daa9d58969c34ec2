"""What contracts consumes: what the service desk records, and the facts that settlement and proofs are made of."""

from contracts.handlers import facts, service_desk
from contracts.handlers.registration import handlers

__all__ = ["facts", "handlers", "service_desk"]
