"""Settings that every service has. Values come from the environment, or from one file per value in a secrets folder.

Each service subclasses `ServiceSettings` in its own `settings.py`, with its own prefix (`CONTRACTS_`, `PROBES_` …).
Settings are built once in `main.py` and passed down; no module reads the environment by itself.
"""

import os
import re
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, FilePath, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.database import IDLE_TRANSACTION_SECONDS, STATEMENT_SECONDS
from shared.inbox import LONGEST_STREAM
from shared.jetstream import STREAM_DAYS
from shared.outbox import RETENTION

SECRETS_FOLDER_VARIABLE = "UPHELD_SECRETS_DIR"
"""Names a folder with one file per setting (`contracts_database_url` …), as Kubernetes mounts a Secret."""

LOOPBACK = {"127.0.0.1", "::1", "localhost"}

Port = Annotated[int, Field(ge=0, le=65535)]


def _check_origin(value: str) -> str:
    """As browsers write it, because it is compared with what they send."""
    if value != "*" and not _ORIGIN.fullmatch(value):
        raise ValueError(f"{value!r} is no origin: write it as browsers do, such as https://app.example.com")
    return value


_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")

Origin = Annotated[str, AfterValidator(_check_origin)]
"""Scheme, host and port of a frontend, in lower case and without a path; or `*`."""


class InvalidSettings(Exception):
    """The environment does not make valid settings. The message lists everything that is wrong, one line each."""


class ServiceSettings(BaseSettings):
    """What every service needs to know to start."""

    SERVICE: ClassVar[str]
    """Name of the service; also the name of its schema, its stream and its consumer."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    database_url: SecretStr = Field(description="PostgreSQL URL of the service's application role.")
    migration_database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL URL of the role that owns the schema; only `migrate` uses it."
    )
    database_pool_size: int = Field(default=10, ge=2, le=200)
    database_statement_seconds: int = Field(
        default=STATEMENT_SECONDS,
        ge=1,
        le=3600,
        description="PostgreSQL ends a statement after so long, what it waits for locks included.",
    )
    database_idle_transaction_seconds: int = Field(
        default=IDLE_TRANSACTION_SECONDS,
        ge=0,
        le=3600,
        description="PostgreSQL ends a transaction in which nothing happens after so long, and its connection with it;"
        " 0: never.",
    )
    nats_url: SecretStr = Field(
        default=SecretStr("nats://127.0.0.1:4222"),
        description="With user and password; answers come to `_INBOX_<user>.>`, which the user must be free to hear.",
    )
    # A missing file is told at the start: later it is one more "cannot connect", and people look at the network.
    nats_ca_file: FilePath | None = Field(
        default=None,
        description="PEM file of the authorities that vouch for NATS at a tls:// address; default: the machine's.",
    )
    nats_replicas: int = Field(default=1, ge=1, le=5, description="Replicas of streams: 3 in production.")
    stream_days: int = Field(
        default=STREAM_DAYS,
        ge=RETENTION.days,
        le=LONGEST_STREAM.days,
        description="Days for which NATS keeps what this service has said: no fewer than its outbox does.",
    )
    host: str = "127.0.0.1"
    port: Port
    ops_port: Port = Field(default=0, description="Port of /livez, /readyz and /metrics; 0 serves none.")
    public_url: str = Field(default="http://127.0.0.1", description="Base URL under which others reach this service.")
    token_issuer: str = Field(default="http://127.0.0.1:8001", description="`iss` of our own tokens.")
    token_audience: str = "upheld"  # noqa: S105
    jwks_url: str = Field(
        default="http://127.0.0.1:8001/.well-known/jwks.json", description="Where our own public keys are read."
    )
    oidc_issuer: str | None = Field(
        default=None, description="`iss` of an external OpenID provider whose tokens count."
    )
    oidc_audience: str | None = None
    oidc_jwks_url: str | None = Field(default=None, description="Left out: found by OpenID discovery at the issuer.")
    oidc_algorithms: Annotated[tuple[str, ...], NoDecode] = ("RS256", "ES256", "EdDSA")
    oidc_tenant_claim: str = "upheld_tenant"
    oidc_role_claim: str = "upheld_role"
    oidc_client_claim: str = "upheld_client"
    clock_file: Path | None = Field(default=None, description="Set by the embedded stack only: shifts the clock.")
    allowed_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(),
        description="Networks that user-given addresses may lie in although they are private; comma-separated.",
    )
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(),
        description="Networks of the proxies before this service, comma-separated: only they may say in X-Forwarded-For"
        " and X-Forwarded-Proto who calls. None: nobody may, and the caller is who opened the connection.",
    )
    cors_origins: Annotated[tuple[Origin, ...], NoDecode] = Field(
        default=(),
        description="Origins of the frontends whose browsers may call this API, comma-separated; * is any of them."
        " Tokens are sent as bearer only, never as cookies. None: no CORS headers.",
    )
    callers_choose_traces: bool = Field(
        default=False,
        description="Whether a caller's `traceparent` says that what comes of his request is collected as a trace."
        " False: that is chosen here, as OTEL_TRACES_SAMPLER says, and only his ids are taken over. True where a"
        " gateway chooses, and lets nobody else's field through.",
    )
    request_rate: float = Field(
        default=50,
        ge=0,
        le=100_000,
        description="Requests a second that each process answers one person or key, by token or signed in to the"
        " portal, for as long as they like, whatever each costs; beyond, 429 with Retry-After. 0: no limit.",
    )
    request_burst: int = Field(
        default=200, ge=1, le=1_000_000, description="How many of them may come at once after a rest."
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    drain_seconds: Annotated[float, Field(ge=0, le=300)] = 10.0

    @field_validator("allowed_networks", "oidc_algorithms", "trusted_proxies", "cors_origins", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _only_the_embedded_stack_shifts_the_clock(self) -> Self:
        if self.clock_file is not None:
            host = urlsplit(self.database_url.get_secret_value()).hostname
            if host not in LOOPBACK:
                raise ValueError("clock_file is for the embedded stack only; this database is not on loopback")
        return self

    @model_validator(mode="after")
    def _an_external_issuer_has_an_audience(self) -> Self:
        if self.oidc_issuer is not None and not self.oidc_audience:
            raise ValueError("oidc_audience is required with oidc_issuer, or any token of that issuer would count")
        return self


S = TypeVar("S", bound=ServiceSettings)


def load_settings(settings_class: type[S]) -> S:
    """Settings from the environment and the secrets folder.

    Raises InvalidSettings with one line per problem, each naming the environment variable to set.
    """
    folder = os.environ.get(SECRETS_FOLDER_VARIABLE)
    try:
        return settings_class(_secrets_dir=folder) if folder else settings_class()  # type: ignore[call-arg]
    except ValidationError as error:
        prefix = str(settings_class.model_config.get("env_prefix", ""))
        lines = []
        for problem in error.errors(include_input=False, include_url=False):
            name = "_".join(str(part) for part in problem["loc"])
            lines.append(f"{(prefix + name).upper()}: {problem['msg']}" if name else problem["msg"])
        raise InvalidSettings("\n".join(lines)) from None
