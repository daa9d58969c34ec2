"""Requests to the four APIs with the key of a context: tokens, pages, problem documents, files."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from shared.cli.contexts import LOOPBACK, Context, with_token
from shared.cli.output import clean, working
from shared.cli.refusals import CannotGoOn, NotOurs, Problem
from shared.ids import new_id

MOST_PAGES = 100_000
CONNECT_SECONDS = 10.0
MOST_WAITS = 5
LONGEST_WAIT = 10
"""Seconds; who has to wait longer is told so instead."""
OF_A_KEY = "credential"
"""How a service names, as `limit` of its refusal, the limit on what one person or key may ask."""


class Document(dict[str, Any]):
    """A JSON object that a service answered. What it lacks is told as the service's fault, and not as one of ours."""

    def __missing__(self, name: str) -> Any:
        raise NotOurs(f"An answer has no {clean(name)}.")


class ApiClient:
    """The APIs of one installation. Every wait has an end: `timeout` seconds for each answer.

    `keep` is told a context with a new token, to be written down. Who asks faster than the service answers one key
    waits as long as it says, by `sleep`, and asks again.
    """

    def __init__(
        self,
        context: Context,
        *,
        timeout: float,
        keep: Callable[[Context], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._context = context
        self._keep = keep
        self._sleep = sleep
        self._timeout = httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS))
        self._clients: dict[bool, httpx.Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients.values():
            client.close()

    @property
    def context(self) -> Context:
        """The context with its newest token."""
        return self._context

    # Requests ---------------------------------------------------------------------------------------------------

    def get(self, service: str, path: str, params: Mapping[str, Any] | None = None) -> Document:
        """The JSON document at a path. Raises NotOurs when there is something else."""
        return document_of(self.call("GET", service, path, params=params))

    def post(self, service: str, path: str, body: Any = None, *, repeatable: bool = True) -> Document:
        """Does something; a path that knows idempotency keys gets one, so that a repetition does nothing twice."""
        headers = {"Idempotency-Key": f'"{new_id()}"'} if repeatable else {}
        return document_of(self.call("POST", service, path, json=body, headers=headers))

    def page(
        self, service: str, path: str, params: Mapping[str, Any] | None = None, *, everything: bool = False
    ) -> dict[str, Any]:
        """One page of a list, or all of them in one: `data` and `next_cursor`."""
        asked = {name: value for name, value in (params or {}).items() if value is not None}
        if not everything:
            return self._page(service, path, asked)
        data: list[Any] = []
        with working("Reading") as tell_count:
            for _ in range(MOST_PAGES):
                page = self._page(service, path, {"limit": 200, **asked})
                data += page["data"]
                tell_count(len(data))
                if not page.get("next_cursor"):
                    break
                asked["cursor"] = page["next_cursor"]
        return {"data": data, "next_cursor": None}

    def _page(self, service: str, path: str, asked: Mapping[str, Any]) -> Document:
        page = self.get(service, path, asked)
        if not isinstance(page["data"], list) or not all(isinstance(row, dict) for row in page["data"]):
            raise NotOurs("A page of a list holds something else than things.")
        return page

    def download(
        self, service: str, path: str, params: Mapping[str, Any] | None, file: Path | None, *, media_type: str
    ) -> int:
        """Writes what is at a path to a file that appears only when it is whole (None: standard output); its size.

        Raises NotOurs when it is of another media type: a page that a proxy shows is no report.
        """
        answer = self.call("GET", service, path, params=params)
        found = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if found != media_type:
            raise NotOurs(f"{_place(str(answer.url))} answered {clean(found) or 'nothing'} instead of {media_type}.")
        if file is None:
            sys.stdout.buffer.write(answer.content)
            sys.stdout.buffer.flush()
        else:
            write_whole(file, answer.content)
        return len(answer.content)

    def call(self, method: str, service: str, path: str, **options: Any) -> httpx.Response:
        """One request with a token; a token that is no longer good is replaced once. Raises Problem or CannotGoOn."""
        if not self._context.token:
            self.log_in()
        answer = self._authorized(method, service, path, options)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self.log_in()
            answer = self._authorized(method, service, path, options)
        return checked(answer)

    def log_in(self) -> None:
        """Exchanges the key for a token (RFC 6749, client credentials)."""
        context = self._context
        if not context.key:
            raise CannotGoOn(f"The context {context.name} has no key.", f"upheld login --name {context.name}.")
        answer = self.send(
            "POST",
            context.url("contracts") + "/v1/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(context.prefix, context.key),
        )
        self._context = with_token(context, str(document_of(checked(answer))["access_token"]))
        self._keep(self._context)

    def send(self, method: str, url: str, **options: Any) -> httpx.Response:
        """One request as it is. Raises CannotGoOn when nobody answers."""
        try:
            return self._client(url).request(method, url, **options)
        except httpx.TimeoutException as error:
            done = "" if method == "GET" else " It may have been done: look before you repeat it."
            raise CannotGoOn(
                f"{_place(url)} did not answer within {self._timeout.read:g} seconds.{done}",
                "Give it more time with --timeout, or run `upheld doctor`.",
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CannotGoOn(
                f"{_place(url)} does not answer ({clean(error) or type(error).__name__}).",
                "Check with `upheld contexts list` that the address is right, then run `upheld doctor`.",
            ) from error

    def _authorized(self, method: str, service: str, path: str, options: Mapping[str, Any]) -> httpx.Response:
        headers = {**options.get("headers", {}), "Authorization": f"Bearer {self._context.token}"}
        url, sent = self._context.url(service) + path, {**options, "headers": headers}
        answer = self.send(method, url, **sent)
        for _ in range(MOST_WAITS):
            wait = _until_it_may_be_asked_again(answer)
            if wait is None:
                break
            self._sleep(wait)
            answer = self.send(method, url, **sent)
        return answer

    def _client(self, url: str) -> httpx.Client:
        """A proxy of the environment is for the way out, not for this machine."""
        outside = urlsplit(url).hostname not in LOOPBACK
        if outside not in self._clients:
            headers = {"User-Agent": "upheld-cli"}
            self._clients[outside] = httpx.Client(timeout=self._timeout, trust_env=outside, headers=headers)
        return self._clients[outside]


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer if it is a good one. Raises Problem, made of whatever came."""
    if answer.is_success:
        return answer
    document = _problem_of(answer)
    if document:
        # What is told of it has its form, whatever a proxy made of it.
        faults = document.get("errors")
        document["status"] = answer.status_code
        document["errors"] = [one for one in faults if isinstance(one, dict)] if isinstance(faults, list) else []
    else:
        document = {
            "title": f"{_place(str(answer.url))} answered {answer.status_code}",
            "status": answer.status_code,
            "code": "not-a-problem-document",
            "detail": "The answer is not one of Upheld's. Is the address right, or does a proxy stand before it?",
        }
    raise Problem(document, answer.headers.get("retry-after"))


def _until_it_may_be_asked_again(answer: httpx.Response) -> int | None:
    """Seconds; None for an answer that stays as it is: what this key asks is not why, or it would take long.

    What this key has left is said in every answer to it (`RateLimit`), also where another limit refused.
    """
    if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or _problem_of(answer).get("limit") != OF_A_KEY:
        return None
    wait = answer.headers.get("retry-after", "")
    return int(wait) if wait.isdecimal() and int(wait) <= LONGEST_WAIT else None


def _problem_of(answer: httpx.Response) -> dict[str, Any]:
    """What an answer says of its refusal; nothing when it is no problem document."""
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) and "title" in document else {}


def document_of(answer: httpx.Response) -> Document:
    """The JSON object of an answer, and what is in it likewise. Raises NotOurs."""
    try:
        document = json.loads(answer.content, object_hook=Document)
    except ValueError:
        document = None
    if not isinstance(document, Document):
        kind = clean(answer.headers.get("content-type", "")) or "something"
        raise NotOurs(f"{_place(str(answer.url))} answered {kind} where Upheld answers a JSON object.")
    return document


def write_whole(file: Path, content: bytes) -> None:
    """Writes a file so that nobody finds half of it. Raises CannotGoOn."""
    partial = file.with_name(f".{file.name}.part")
    try:
        partial.write_bytes(content)
        partial.replace(file)
    except OSError as error:
        raise CannotGoOn(f"{file} cannot be written: {error.strerror}.", "Name another place with --to.") from error


def _place(url: str) -> str:
    parts = urlsplit(url)
    return clean(f"{parts.scheme}://{parts.netloc}")
