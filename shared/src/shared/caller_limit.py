"""How often whoever has a token may ask: so many requests at once, then so many a second, of each process.

The answer says in the fields of draft-ietf-httpapi-ratelimit-headers-10 what is left. The limit is of one credential,
a person or a key: what one program of an agency does too fast holds nobody else back.
"""

import math
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, MutableMapping
from typing import Any
from uuid import UUID

from shared.brake import Brake
from shared.problems import TooManyRequests

POLICY = "credential"
"""The name of the limit in header fields, problem documents and metrics."""

_FIELDS = "upheld.rate_limit"


class CallerLimit:
    """Counts in this process only.

    :param per_second: requests that a credential may make each second, for as long as it likes.
    :param burst: how many of them it may make at once after a rest.
    """

    def __init__(self, per_second: float, burst: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._brake = Brake(per_second * 60, monotonic, burst=burst)
        self._policy = f'"{POLICY}";q={burst};w={math.ceil(burst / per_second)}'
        self._allowed = f"{burst} requests at once, then {per_second:g} a second"

    def count(self, scope: MutableMapping[str, Any], credential: Hashable) -> None:
        """Counts a request; its answer will say what is left. Raises TooManyRequests when nothing was."""
        left, wait = self._brake.count(credential)
        remaining = f'"{POLICY}";r=0;t={wait}' if wait else f'"{POLICY}";r={left}'
        scope[_FIELDS] = (("RateLimit-Policy", self._policy), ("RateLimit", remaining))
        if wait:
            raise TooManyRequests(
                f"Each process of this service answers one person or key {self._allowed}. Nothing was done: "
                f"repeat in {wait} seconds.",
                headers={"Retry-After": str(wait)},
                limit=POLICY,
            )


def count_caller(scope: MutableMapping[str, Any], tenant_id: UUID, subject: str) -> None:
    """Counts a request of whoever was found to make it, where the service has a limit. Raises TooManyRequests.

    Of the person or key and not of the token or session: whoever gets a new one goes on counting.
    """
    limit: CallerLimit | None = scope["app"].state.caller_limit
    if limit is not None:
        limit.count(scope, (tenant_id, subject))


def rate_limit_fields(scope: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The header fields of the answer to a request that was counted; none for any other."""
    return iter(scope.get(_FIELDS, ()))
