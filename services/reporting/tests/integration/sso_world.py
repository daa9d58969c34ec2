"""A browser, contracts as far as it says who may sign in, and an agency that trusts a provider, for tests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx

from shared.ids import new_id
from shared.outbound_http import usual_authorities
from shared.testing.openid_provider import OpenIdProvider

PUBLIC = "https://reports.agency.example"


class Contracts:
    """Says who may use the portal with an address, as contracts does."""

    def __init__(self) -> None:
        self.people: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.asked_of: list[str | None] = []
        """The agency whose people were asked for, each time."""
        self.away = False
        self.url = ""

    def let_in(self, story: Any, email: str, *, client_id: Any = None, client_name: str = "Boulangerie Martin") -> Any:
        """An agency lets somebody in for a client of its own."""
        user_id = new_id()
        self.people.append(
            {
                "user_id": str(user_id),
                "tenant_id": str(story.tenant_id),
                "client_id": str(client_id or story.client_id),
                "name": "Léa Martin",
                "email": email,
                "role": "client_decider",
                "language": "fr",
                "client_name": client_name,
                "agency_name": "Atelier Numérique",
            }
        )
        return user_id


@contextmanager
def contracts_running() -> Iterator[Contracts]:
    contracts = Contracts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if contracts.away:
                self.send_error(503)
                return
            if self.path == "/v1/portal/people":
                contracts.asked_of.append(given.get("tenant_id"))
                contracts.asked.append(given["email"])
                email = given["email"].lower()
                answer: dict[str, Any] = {"people": [each for each in contracts.people if each["email"] == email]}
            else:
                answer = {"access_token": "t", "expires_in": 600}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.send_error(503)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    contracts.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield contracts
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Browser:
    """Keeps cookies by host, with their paths, and follows where it is led: to the service, or to the provider."""

    service_url: str
    language: str = "en"
    host: str = urlsplit(PUBLIC).netloc
    cookies: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    """Host and name to the values by path."""

    async def get(self, address: str, host: str | None = None) -> httpx.Response:
        """Of the service where the address is a path, or one of its hosts."""
        parts = urlsplit(address)
        host = parts.netloc or host or self.host
        if host.startswith("127.0.0.1"):
            async with httpx.AsyncClient(trust_env=False, verify=usual_authorities()) as http:
                return await http.get(address)
        return await self._ask("GET", host, f"{parts.path}?{parts.query}" if parts.query else parts.path)

    async def post(self, path: str, body: str = "") -> httpx.Response:
        return await self._ask("POST", self.host, path, body)

    async def _ask(self, method: str, host: str, target: str, body: str | None = None) -> httpx.Response:
        path = target.partition("?")[0]
        sent = "; ".join(
            f"{name}={value}"
            for (of, name), values in self.cookies.items()
            for below, value in values.items()
            if of == host and (path == below or path.startswith(below.rstrip("/") + "/"))
        )
        headers = {"Host": host, "Accept": "text/html", "Accept-Language": self.language, "Cookie": sent}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        async with httpx.AsyncClient(
            trust_env=False, base_url=self.service_url, timeout=30, verify=usual_authorities()
        ) as http:
            answer = await http.request(method, target, headers=headers, content=body)
        for each in answer.headers.get_list("set-cookie"):
            (name, morsel), *_ = SimpleCookie(each).items()
            assert morsel["httponly"]
            assert morsel["secure"]
            assert morsel["samesite"].lower() == "lax"
            assert not morsel["domain"]
            if name.startswith("__Host-"):
                assert morsel["path"] == "/"
            if morsel["max-age"] == "0":
                self.cookies.pop((host, name), None)
            else:
                self.cookies.setdefault((host, name), {})[morsel["path"] or "/"] = morsel.value
        return answer

    async def led(self, address: str) -> httpx.Response:
        """Where all redirects end; at the latest after ten of them."""
        answer = await self.get(address)
        for _ in range(10):
            if answer.status_code not in (302, 303):
                return answer
            answer = await self.get(answer.headers["location"], host=answer.request.headers["host"])
        raise AssertionError("led in circles")

    async def way_back(self, address: str) -> str:
        """Signs in at the provider, and gives the address that it leads back to without going there."""
        there = await self.get(address)
        assert there.status_code == 303, there.text
        back = await self.get(there.headers["location"])
        assert back.status_code == 302, back.text
        return str(back.headers["location"])


@dataclass
class World:
    """A service on a socket, with contracts, a provider, and an agency that trusts it."""

    service: Any
    url: str
    story: Any
    contracts: Contracts
    provider: OpenIdProvider

    def browser(self, **how: Any) -> Browser:
        return Browser(self.url, **how)

    async def trust(self, story: Any = None, **changes: Any) -> dict[str, Any]:
        """An agency adds the provider, which registers the way back."""
        body = {
            "name": "Martin SA",
            "issuer": self.provider.issuer,
            "oidc_client_id": self.provider.client_id,
            "oidc_client_secret": self.provider.client_secret,
            **changes,
        }
        async with self.service.client(story or self.story) as agency:
            answer = await agency.post("/v1/identity-providers", json=body)
        assert answer.status_code == 201, answer.text
        trusted: dict[str, Any] = answer.json()
        self.provider.redirect_uris |= set(trusted["redirect_uris"])
        return trusted

    async def change(self, trusted: dict[str, Any], **changes: Any) -> httpx.Response:
        address = f"/v1/identity-providers/{trusted['identity_provider_id']}"
        async with self.service.client(self.story) as agency:
            answer: httpx.Response = await agency.patch(address, json=changes, headers={"if-match": "*"})
        return answer

    async def close_page(self, trusted: dict[str, Any], **changes: Any) -> None:
        """The page of the story is for those who sign in through the provider, which registers the way back."""
        through = {"identity_provider_id": trusted["identity_provider_id"], "audience": "single_sign_on", **changes}
        async with self.service.client(self.story) as agency:
            answer = await agency.patch(f"/v1/status-pages/{self.story.slug}", json=through, headers={"if-match": "*"})
            assert answer.status_code == 200, answer.text
            told = await agency.get(f"/v1/identity-providers/{trusted['identity_provider_id']}")
        self.provider.redirect_uris |= set(told.json()["redirect_uris"])
