"""The one consumer of this service; the modules beside this one register their handlers on it."""

from shared.consumer import Handlers

handlers = Handlers("reporting")
