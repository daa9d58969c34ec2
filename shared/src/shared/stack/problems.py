"""What the stack says when it cannot go on."""


class StackProblem(Exception):
    """One clear sentence for the person at the keyboard: what is wrong and what to do next."""


class StopRequested(Exception):
    """Somebody asked to stop (Ctrl-C or SIGTERM) while the stack was still starting."""
