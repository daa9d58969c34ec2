"""Calls every operation of the four services with somebody else's token, and tells what leaked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from .openapi_walk import Operation

HIDDEN = {401, 403, 404}
"""What a stranger may be told about something that is not his."""


def harvest(answers: Sequence[Any]) -> dict[str, str]:
    """The first value of every key of the answers that names something: `client_id`, `slug` … as path parameters do."""
    found: dict[str, str] = {}

    def look(value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if isinstance(inner, str) and (key.endswith("_id") or key in ("slug", "kid", "name", "code", "number")):
                    found.setdefault(key, inner)
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    for answer in answers:
        look(answer)
    return found


def ids_in(text: str) -> set[str]:
    """Every UUID in an answer."""
    return set(re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[57][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", text))


class Stranger:
    """Somebody with a valid token who has no business with the owner's things."""

    def __init__(self, urls: Mapping[str, str], token: str, owned: Mapping[str, str], secrets: set[str]) -> None:
        self._urls = urls
        # Whoever follows something asks for all of it from its beginning.
        self._headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": "0"}
        self._owned = owned
        self._secrets = secrets
        """Ids that must not be in any answer to the stranger."""

    def leaks(self, operations: Sequence[Operation]) -> Iterator[str]:
        """One sentence for each operation that showed or touched what is not the stranger's."""
        with httpx.Client(trust_env=False, timeout=30) as http:
            for operation in operations:
                yield from self._try(http, operation)

    def _try(self, http: httpx.Client, operation: Operation) -> Iterator[str]:
        body = self._body(operation)
        if not operation.parameters and operation.method != "get" and body == operation.body:
            return  # makes something of the stranger's own
        try:
            path = operation.filled(self._owned)
        except KeyError as missing:
            yield f"{operation}: the owner has no {missing} to try it with"
            return
        headers = dict(self._headers)
        if operation.method != "get":
            headers |= {"If-Match": "*"}
        if body is not None:
            headers |= {"Content-Type": operation.media_type or "application/json"}
        url = self._urls[operation.service] + path
        answer = http.request(operation.method, url, headers=headers, json=body, params=operation.query())
        shown = (ids_in(answer.text) & self._secrets) - ids_in(path) - ids_in(str(body))
        if shown:
            yield f"{operation}: answered {answer.status_code} and showed {sorted(shown)[:3]}"
        elif answer.status_code >= 500:
            yield f"{operation}: answered {answer.status_code}: {answer.text[:200]}"
        elif operation.parameters and answer.status_code not in HIDDEN and not self._is_empty(answer):
            yield f"{operation}: answered {answer.status_code} instead of 404: {answer.text[:200]}"
        elif not operation.parameters and operation.method != "get" and answer.is_success:
            yield f"{operation}: took {body} although the ids in it are somebody else's"

    def _body(self, operation: Operation) -> Any:
        """The example body with the owner's ids wherever it names one."""
        return self._with_owned_ids(operation.body)

    def _with_owned_ids(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                key: self._owned[key] if key in self._owned and key.endswith("_id") else self._with_owned_ids(inner)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self._with_owned_ids(inner) for inner in value]
        return value

    def _is_empty(self, answer: httpx.Response) -> bool:
        try:
            return answer.status_code == httpx.codes.OK and answer.json().get("data") == []
        except ValueError:
            return False
