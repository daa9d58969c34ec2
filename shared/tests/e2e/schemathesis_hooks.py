"""What the configuration of schemathesis cannot say; schemathesis.toml names this file."""

import re
import uuid
from typing import Any

import schemathesis

_KEY = re.compile(r'^("[ !#-\[\]-~]{1,255}"|[!#-~]{1,255})$')


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """A good Idempotency-Key becomes one that nobody used: the document's example would belong to the first request."""
    headers = case.headers
    key = headers.get("Idempotency-Key") if headers else None
    if isinstance(key, str) and _KEY.match(key):
        headers["Idempotency-Key"] = f'"{uuid.uuid4()}"'
