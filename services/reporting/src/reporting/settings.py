"""What reporting needs to know to start. Environment variables carry the prefix `REPORTING_`."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from shared.mail import MailSettings
from shared.settings import Port


class ReportingSettings(MailSettings):
    """Settings of the reporting service.

    `allowed_networks` (of every service) names the private networks that webhooks may reach; addresses in them may
    also be reached over plain http. Left empty, webhooks go to public https addresses only.
    """

    SERVICE: ClassVar[str] = "reporting"
    model_config = SettingsConfigDict(env_prefix="REPORTING_", extra="ignore", frozen=True, env_ignore_empty=True)

    port: Port = 8004
    secret_key: SecretStr = Field(
        min_length=32,
        description="At least 32 random characters. Signs report links, seals the secrets of webhooks and the keys of "
        "audit logs. To change it, give the old one as previous_secret_key, then run the command reseal-secrets.",
    )
    previous_secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="The secret_key before this one: what it has sealed can still be read, what it has signed still"
        " counts.",
    )
    webhook_timeout_seconds: float = Field(default=15.0, gt=0, le=30, description="For one try, answer included.")
    webhook_concurrency: int = Field(default=40, ge=1, le=100, description="Deliveries under way at one time.")
    audit_checkpoint_seconds: int = Field(
        default=3600, ge=60, le=86_400, description="How often the audit log of a tenant is signed, when it has grown."
    )
    status_page_max_age_seconds: int = Field(
        default=30, ge=0, le=3600, description="How long browsers and proxies may reuse a status page."
    )
    snapshot_dir: Path | None = Field(
        default=None,
        description="Folder for the newest content and the pictures of each status page, sealed: what a process that "
        "starts while the database is away shows. Of one process alone, at most 96 MiB and 32 MiB of pictures. Without "
        "it, each process starts with none.",
    )
    portal_secret: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Shown to contracts to sign people in: CONTRACTS_PORTAL_SECRET, the same. Without it there is no"
        " portal.",
    )
    contracts_url: AnyHttpUrl = Field(
        default=AnyHttpUrl("http://127.0.0.1:8001"), description="Where the portal asks for contracts, as a frontend."
    )
    incidents_url: AnyHttpUrl = Field(
        default=AnyHttpUrl("http://127.0.0.1:8003"), description="Where the portal asks for incidents, as a frontend."
    )
    portal_timeout_seconds: float = Field(
        default=5.0, gt=0, le=30, description="How long a page of the portal waits for another service."
    )

    dns_servers: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Name servers that are asked who owns the domain of a status page, `address` or `address:port`, "
        "comma-separated; those of the machine when none are named.",
    )

    @field_validator("dns_servers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
