"""From errors of adapters to problem documents."""

from shared.problems import ErrorMapping, Unavailable
from shared.secret_box import Unreadable

ERRORS: ErrorMapping = {
    Unreadable: lambda _error: Unavailable(
        "The secrets of these checks were sealed with a key that this service does not have. Whoever runs it gives the "
        "key back as PROBES_PREVIOUS_SECRET_KEY; where it is lost, give the secrets of the check again in full."
    ),
}
