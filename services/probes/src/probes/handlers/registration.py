"""The consumer of probes: its name is that of its durables and inbox rows."""

from shared.consumer import Handlers

handlers = Handlers("probes")
