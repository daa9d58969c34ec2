"""What the configuration of schemathesis cannot say; schemathesis.toml names this file."""

import json
import os
import re
import uuid
from typing import Any

import schemathesis

OWNED: dict[str, list[str]] = json.loads(os.environ["UPHELD_TEST_OWNED"])
"""Name of an id to those of things that exist, so that not every call ends at a 404."""

LONGEST_STREAM = 3600
_KEY = re.compile(r'^("[ !#-\[\]-~]{1,255}"|[!#-~]{1,255})$')
_ID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """What is made up and good becomes what works: ids of things that exist, keys that nobody used.

    What is wrong on purpose is not an id and not a key, and stays.
    """
    for place in (case.path_parameters, case.query, case.body):
        if isinstance(place, dict):
            for name, value in place.items():
                place[name] = existing(name, value)
    if case.operation.path.endswith("/stream"):
        for_seconds = str((case.query or {}).get("for_seconds", 0))
        if for_seconds.isdecimal() and int(for_seconds) <= LONGEST_STREAM:  # an answer that ends, and soon
            case.query = {**(case.query or {}), "for_seconds": 0}
    headers = case.headers
    key = headers.get("Idempotency-Key") if headers else None
    if isinstance(key, str) and _KEY.match(key):  # the document's example would belong to the first request
        headers["Idempotency-Key"] = f'"{uuid.uuid4()}"'


def existing(name: str, value: Any) -> Any:
    """One of the things of this name; always the same one for the same value."""
    if name == "slug" and isinstance(value, str) and value.isalnum():
        return OWNED[name][0]
    if name not in OWNED or not isinstance(value, str) or not _ID.match(value):
        return value
    return OWNED[name][uuid.UUID(value).int % len(OWNED[name])]
