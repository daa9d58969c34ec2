"""What reporting needs to know to start. Environment variables carry the prefix `REPORTING_`."""

from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import Port, ServiceSettings


class ReportingSettings(ServiceSettings):
    """Settings of the reporting service.

    `allowed_networks` (of every service) names the private networks that webhooks may reach; addresses in them may
    also be reached over plain http. Left empty, webhooks go to public https addresses only.
    """

    SERVICE: ClassVar[str] = "reporting"
    model_config = SettingsConfigDict(env_prefix="REPORTING_", extra="ignore", frozen=True, env_ignore_empty=True)

    port: Port = 8004
    secret_key: SecretStr = Field(
        min_length=32,
        description="At least 32 random characters. Signs report links, seals the secrets of webhooks and the "
        "keys of audit logs; changing it ends every link, makes every webhook secret unreadable, and the next key "
        "of an audit log is endorsed by none before it.",
    )
    webhook_timeout_seconds: float = Field(default=15.0, gt=0, le=30, description="For one try, answer included.")
    webhook_concurrency: int = Field(default=20, ge=1, le=200, description="Deliveries under way at one time.")
    audit_checkpoint_seconds: int = Field(
        default=3600, ge=60, le=86_400, description="How often the audit log of a tenant is signed, when it has grown."
    )
    status_page_max_age_seconds: int = Field(
        default=30, ge=0, le=3600, description="How long browsers and proxies may reuse a status page."
    )
