"""Calls every operation of the four services with somebody else's token, and tells what leaked."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
from pypdf import PdfReader

from shared.outbound_http import usual_authorities

from .openapi_walk import Operation

HIDDEN = {401, 403, 404}
"""What a stranger may be told about something that is not his."""
OF_EVERY_AGENCY = {"catalogue", "document_form", "paper_kind", "template_code", "template_kind"}
"""Names in paths that are everybody's: under each, whoever asks has something of his own."""


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


def told_by(answer: httpx.Response) -> str:
    """All that an answer says to its reader: what is packed in a ZIP (XLSX too) and drawn in a PDF is read out."""
    if answer.content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
            members = [httpx.Response(200, content=packed.read(name)) for name in packed.namelist()]
            return "\n".join([*packed.namelist(), *map(told_by, members)])
    if answer.content.startswith(b"%PDF-"):
        return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    return answer.text


class Stranger:
    """Somebody with a valid token who has no business with the owner's things."""

    def __init__(
        self,
        urls: Mapping[str, str],
        token: str,
        owned: Mapping[str, str],
        secrets: set[str],
        names: Sequence[str] = (),
    ) -> None:
        self._urls = urls
        self._names = names
        """What the owner's things are called: in no answer to the stranger either."""
        # Whoever follows something asks for all of it from its beginning.
        self._headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": "0"}
        self._owned = owned
        self._secrets = secrets
        """Ids that must not be in any answer to the stranger."""

    def leaks_through_filters(self, operations: Sequence[Operation]) -> Iterator[str]:
        """One sentence for each list that showed something when it was narrowed to what is the owner's.

        Every filter by an id is tried with the owner's, one at a time, and every search with the owner's words.
        """
        with httpx.Client(trust_env=False, timeout=30, verify=usual_authorities()) as http:
            for operation in operations:
                if operation.method != "get" or operation.parameters:
                    continue
                wanted = {name: self._owned[name] for name in operation.optional if name in self._owned}
                filters = [(name, value) for name, value in wanted.items() if name.endswith("_id")]
                filters += [("q", name) for name in self._names if "q" in operation.optional]
                for name, value in filters:
                    yield from self._try_filter(http, operation, name, value)

    def _try_filter(self, http: httpx.Client, operation: Operation, name: str, value: str) -> Iterator[str]:
        url = self._urls[operation.service] + operation.path
        answer = http.get(url, headers=self._headers, params=operation.query() | {name: value})
        shown = self._shown(answer, value)
        if shown:
            yield f"{operation}?{name}={value}: answered {answer.status_code} and showed {shown[:3]}"
        elif answer.status_code >= 500:
            yield f"{operation}?{name}={value}: answered {answer.status_code}: {answer.text[:200]}"
        elif answer.is_success and answer.headers["content-type"].startswith("application/json"):
            found = answer.json()
            if isinstance(found, Mapping) and found.get("data"):
                yield f"{operation}?{name}={value}: found {answer.text[:200]}"

    def _shown(self, answer: httpx.Response, *asked: str) -> list[str]:
        """The owner's ids and names in an answer, but for those that the stranger named himself."""
        told = told_by(answer)
        ids = (ids_in(told) & self._secrets) - ids_in(str(asked))
        return sorted(ids) + [name for name in self._names if name in told and name not in str(asked)]

    def leaks(self, operations: Sequence[Operation]) -> Iterator[str]:
        """One sentence for each operation that showed or touched what is not the stranger's."""
        with httpx.Client(trust_env=False, timeout=30, verify=usual_authorities()) as http:
            for operation in operations:
                yield from self._try(http, operation)

    def _try(self, http: httpx.Client, operation: Operation) -> Iterator[str]:
        body = self._body(operation)
        ids = set(operation.parameters) - OF_EVERY_AGENCY
        if not ids and operation.method != "get" and body == operation.body:
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
        shown = self._shown(answer, path, str(body))
        if shown:
            yield f"{operation}: answered {answer.status_code} and showed {shown[:3]}"
        elif answer.status_code >= 500:
            yield f"{operation}: answered {answer.status_code}: {answer.text[:200]}"
        elif ids and answer.status_code not in HIDDEN and not self._is_empty(answer):
            yield f"{operation}: answered {answer.status_code} instead of 404: {answer.text[:200]}"
        elif not ids and operation.method != "get" and answer.is_success:
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
