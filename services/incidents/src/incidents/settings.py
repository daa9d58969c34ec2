"""Settings of the incidents service: INCIDENTS_* in the environment, or files in the secrets folder."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from shared.mail import MailSettings, checked_address
from shared.settings import Port


class IncidentsSettings(MailSettings):
    """What the incidents service needs to know beyond what every service needs."""

    SERVICE: ClassVar[str] = "incidents"

    model_config = SettingsConfigDict(env_prefix="INCIDENTS_", extra="ignore", frozen=True, env_ignore_empty=True)

    port: Port = 8003

    secret_key: SecretStr = Field(
        min_length=32,
        description="At least 32 random characters. Seals the secrets of intake sources and the addresses of channels,"
        " and signs links that acknowledge. To change it, give the old one as previous_secret_key, then run the command"
        " reseal-secrets.",
    )
    previous_secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="The secret_key before this one: what it has sealed can still be read, what it has signed still"
        " counts.",
    )

    alert_emails: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Comma-separated: who is alerted for every tenant that has set no addresses of its own."
    )
    alert_language: Literal["en", "fr"] = "en"

    cover_look_ahead_days: Annotated[int, Field(ge=1, le=92)] = Field(
        default=14, description="How far ahead hours are sought that a contract promises and nobody covers."
    )

    receipt_retention_days: Annotated[int, Field(ge=7, le=3_660)] = Field(
        default=90,
        description="How long is kept what intake sources have sent, and what came of it. The same delivery again after"
        " that is a new one; what it says of a matter or a ticket that is known changes nothing all the same.",
    )

    streams_per_tenant: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=100, description="How many streams of items one process serves for a tenant at once."
    )
    stream_heartbeat_seconds: Annotated[float, Field(gt=0, le=300)] = Field(
        default=15.0,
        description="After so long without an event a stream says that it is alive; less than proxies wait.",
    )

    @field_validator("alert_emails", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("alert_emails")
    @classmethod
    def _addresses_are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(checked_address(address) for address in value)
