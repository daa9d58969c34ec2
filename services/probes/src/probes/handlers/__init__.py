"""What probes consumes."""

from probes.handlers import contracts, maintenance
from probes.handlers.registration import handlers

__all__ = ["contracts", "handlers", "maintenance"]
