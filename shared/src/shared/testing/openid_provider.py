"""A small OpenID provider on loopback, that checks what a provider must check, and lies when it is told to.

It signs in whoever `account` names, without asking, and keeps what it was asked. Its keys are made when it starts.
"""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm

Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class _Code:
    """What a code stands for: it is good once."""

    asked: Mapping[str, str]
    account: Mapping[str, Any]


class OpenIdProvider:
    """Runs between `with` and its end. What is public of it may be changed at any time.

    :param now: its clock.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.client_id = "upheld"
        self.client_secret = secrets.token_urlsafe(24)
        self.redirect_uris: set[str] = set()
        """Those that are registered: others are told so, and nobody is led there."""
        self.account: dict[str, Any] = {}
        """Claims of whoever sits before the browser."""
        self.answers_with: dict[str, str] = {}
        """What is changed in the answers of the authorization endpoint; an empty text leaves a parameter out."""
        self.document_changes: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        """What is changed in ID tokens; None leaves a claim out."""
        self.make_token: Callable[[dict[str, Any]], str] = self.signed
        self.in_user_info: set[str] = set()
        """Claims that are told there and not in ID tokens."""
        self.user_info: dict[str, Any] = {}
        """What is changed there."""
        self.instead: dict[str, Answer] = {}
        """Path to what is answered there instead."""
        self.asked: list[tuple[str, dict[str, str]]] = []
        """Path and parameters of each request."""
        self.rotate_key()
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, Mapping[str, Any]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(parse_qsl(urlsplit(self.path).query))

            def do_POST(self) -> None:
                self._answer(parse_qsl(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()))

            def _answer(self, parameters: list[tuple[str, str]]) -> None:
                status, headers, body = provider._answer(
                    urlsplit(self.path).path, dict(parameters), self.headers.get("Authorization", "")
                )
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class names it so)
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def issuer(self) -> str:
        """What it calls itself."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def rotate_key(self) -> None:
        """Signs with a new key, and shows no other."""
        self.key: EllipticCurvePrivateKey = generate_private_key(SECP256R1())
        self.kid = secrets.token_hex(8)

    def signed(self, claims: dict[str, Any]) -> str:
        """An ID token as it should be."""
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": self.kid})

    def answers_to(self, path: str) -> list[dict[str, str]]:
        """The parameters of the requests to a path."""
        return [parameters for asked, parameters in self.asked if asked == path]

    # --- what it is asked --------------------------------------------------------------------------------------------

    def _answer(self, path: str, parameters: dict[str, str], authorization: str) -> Answer:  # noqa: PLR0911
        self.asked.append((path, parameters))
        if path in self.instead:
            return self.instead[path]
        match path:
            case "/.well-known/openid-configuration":
                return _json(200, self._document() | self.document_changes)
            case "/keys":
                public = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
                return _json(200, {"keys": [public | {"kid": self.kid, "use": "sig", "alg": "ES256"}]})
            case "/authorize":
                return self._authorize(parameters)
            case "/token":
                return self._redeem(parameters, authorization)
            case "/userinfo":
                account = self._tokens.get(authorization.removeprefix("Bearer "))
                return _json(200, {**account, **self.user_info}) if account else _json(401, {})
            case _:
                return _json(404, {})

    def _document(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }

    def _authorize(self, asked: dict[str, str]) -> Answer:
        known = asked.get("client_id") == self.client_id and asked.get("redirect_uri") in self.redirect_uris
        if not known or asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            return _json(400, {"error": "invalid_request"})
        code = secrets.token_urlsafe(16)
        self._codes[code] = _Code(asked, {"sub": "somebody", **self.account})
        answer = {"code": code, "state": asked.get("state", ""), "iss": self.issuer} | self.answers_with
        query = urlencode({name: value for name, value in answer.items() if value})
        return 302, {"Location": f"{asked['redirect_uri']}?{query}"}, b""

    def _redeem(self, given: dict[str, str], authorization: str) -> Answer:
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        shown = (
            (unquote_plus(pair[0]), unquote_plus(pair[2]))
            if authorization
            else (
                given.get("client_id"),
                given.get("client_secret"),
            )
        )
        if shown != (self.client_id, self.client_secret):
            return _json(401, {"error": "invalid_client"})
        code = self._codes.pop(given.get("code", ""), None)
        challenge = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        if (
            code is None
            or code.asked["redirect_uri"] != given.get("redirect_uri")
            or code.asked["code_challenge"] != base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        ):
            return _json(400, {"error": "invalid_grant"})
        at = self.now()
        account = {name: value for name, value in code.account.items() if name not in self.in_user_info}
        claims = {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": int(at.timestamp()),
            "exp": int((at + timedelta(minutes=5)).timestamp()),
            "nonce": code.asked.get("nonce"),
            **account,
            **self.claims,
        }
        token = secrets.token_urlsafe(16)
        self._tokens[token] = code.account
        id_token = self.make_token({name: value for name, value in claims.items() if value is not None})
        return _json(200, {"access_token": token, "token_type": "Bearer", "id_token": id_token})


def _json(status: int, content: Mapping[str, Any]) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()
