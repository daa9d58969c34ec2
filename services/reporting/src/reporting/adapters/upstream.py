"""The portal as a frontend of other services: their APIs over HTTP, with the token of whoever signed in.

What they answer is what that person may see: the portal decides nothing about it. Short waits, no tries over again: a
page says what cannot be read now, and shows the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import httpx
import structlog
from pydantic import BaseModel, SecretStr, ValidationError

from reporting.application.portal import ContractsAway, Person, PersonIsOut
from reporting.settings import ReportingSettings
from shared.outbound_http import authorities_of_the_machine

Service = Literal["contracts", "incidents"]

log = structlog.get_logger(__name__)


class Away(Exception):
    """The other service did not answer, or not as it should."""


class NotThere(Exception):
    """There is no such thing, or none that the person may see."""


class Refused(Exception):
    """The other service understood and did not do it. `detail` says why; `fields` what is wrong with which field."""

    def __init__(self, status: int, detail: str, fields: Mapping[str, str]) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.fields = fields


class AskedTooFast(Exception):
    """The other service was asked more at once than it answers one person, and did nothing. `wait` is in seconds."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"wait for {wait} seconds")
        self.wait = wait


@dataclass(frozen=True)
class File:
    """A file as the other service answers it."""

    content: bytes
    media_type: str
    disposition: str | None


def _http(settings: ReportingSettings) -> httpx.AsyncClient:
    """These addresses are the operator's, inside of the network, so that this client is not the guarded one."""
    return httpx.AsyncClient(
        timeout=settings.portal_timeout_seconds,
        verify=authorities_of_the_machine(),
        trust_env=False,
        follow_redirects=False,
    )


class _People(BaseModel):
    people: list[Person]


class _Token(BaseModel):
    access_token: str
    expires_in: int


class PortalAccess:
    """What contracts tells the portal, for the secret that both have."""

    def __init__(self, settings: ReportingSettings, secret: SecretStr) -> None:
        self._settings = settings
        self._headers = {"Authorization": f"Bearer {secret.get_secret_value()}"}

    async def people(self, email: str, tenant_id: UUID | None = None) -> list[Person]:
        """Who may sign in with an address, of one agency or of all. Raises ContractsAway."""
        of_agency = {} if tenant_id is None else {"tenant_id": str(tenant_id)}
        answer = await self._post("people", {"email": email, **of_agency})
        if answer.status_code == 422:
            return []  # not an address that anybody could have
        try:
            answer.raise_for_status()
            return _People.model_validate_json(answer.content).people
        except (httpx.HTTPStatusError, ValidationError) as error:
            raise ContractsAway(f"contracts answered {answer.status_code}") from error

    async def token(self, user_id: UUID) -> tuple[str, int]:
        """A token and for how many seconds it is good. Raises PersonIsOut, ContractsAway."""
        answer = await self._post("tokens", {"user_id": str(user_id)})
        if answer.status_code == 404 and _told(answer).get("person") == "unknown":
            raise PersonIsOut  # any other 404 is a wrong address or something between us: it says nothing of him
        try:
            answer.raise_for_status()
            token = _Token.model_validate_json(answer.content)
        except (httpx.HTTPStatusError, ValidationError) as error:
            raise ContractsAway(f"contracts answered {answer.status_code}") from error
        return token.access_token, token.expires_in

    async def _post(self, path: str, body: Mapping[str, str]) -> httpx.Response:
        url = f"{_base(self._settings, 'contracts')}/v1/portal/{path}"
        try:
            async with _http(self._settings) as http:
                return await http.post(url, json=dict(body), headers=self._headers)
        except httpx.HTTPError as error:
            raise ContractsAway(type(error).__name__) from error


class ClientApis:
    """The APIs of contracts and incidents with one person's token; without one, every call is answered with Away."""

    def __init__(self, settings: ReportingSettings, token: str | None, correlation_id: str) -> None:
        self._settings = settings
        self._token = token
        self._headers = {"X-Correlation-ID": correlation_id}

    async def get(self, service: Service, path: str, **params: str | int | list[str]) -> Any:
        """The JSON value at a path. Raises Away, NotThere, Refused, AskedTooFast."""
        return (await self._call("GET", service, path, params=params)).json()

    async def post(self, service: Service, path: str, body: Mapping[str, Any], *, key: str) -> Any:
        """Does something, once for a key. Raises Away, NotThere, Refused, AskedTooFast."""
        return (await self._call("POST", service, path, body=body, headers={"Idempotency-Key": f'"{key}"'})).json()

    async def file(self, service: Service, path: str, **params: str) -> File:
        """A file at a path. Raises Away, NotThere, Refused, AskedTooFast."""
        answer = await self._call("GET", service, path, params=params)
        media_type = answer.headers.get("content-type", "application/octet-stream")
        return File(answer.content, media_type, answer.headers.get("content-disposition"))

    async def _call(
        self,
        method: str,
        service: Service,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        if self._token is None:
            raise Away
        sent = {**self._headers, "Authorization": f"Bearer {self._token}", **(headers or {})}
        try:
            async with _http(self._settings) as http:
                answer = await http.request(
                    method, _base(self._settings, service) + path, params=params, json=body, headers=sent
                )
        except httpx.HTTPError as error:
            log.warning("portal_upstream_failed", upstream=service, path=path, error=type(error).__name__)
            raise Away from error
        if answer.is_success:
            return answer
        if answer.status_code == 404:
            raise NotThere
        if answer.status_code == 429:
            wait = answer.headers.get("retry-after", "")
            raise AskedTooFast(int(wait) if wait.isdecimal() else 1)
        if answer.status_code in (400, 403, 409, 412, 413, 415, 422):
            raise _refusal(answer)
        log.warning("portal_upstream_failed", upstream=service, path=path, status=answer.status_code)
        raise Away


def _base(settings: ReportingSettings, service: Service) -> str:
    url = settings.contracts_url if service == "contracts" else settings.incidents_url
    return str(url).rstrip("/")


def _told(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _refusal(answer: httpx.Response) -> Refused:
    document = _told(answer)
    try:
        errors = document.get("errors") or []
        fields = {
            str(each["pointer"]).removeprefix("#/").split("/")[-1]: str(each["detail"])
            for each in errors
            if each.get("pointer")
        }
        return Refused(answer.status_code, str(document.get("detail", "")), fields)
    except (ValueError, AttributeError, KeyError, TypeError):
        return Refused(answer.status_code, "", {})
