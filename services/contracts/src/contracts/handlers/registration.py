"""Where the handlers of this service register."""

from shared.consumer import Handlers

handlers = Handlers("contracts")
