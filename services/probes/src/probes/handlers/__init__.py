"""What probes consumes."""

from probes.handlers import contracts
from probes.handlers.registration import handlers

__all__ = ["contracts", "handlers"]
