"""Settings of contracts: what every service has, and the secret that protects the keys that sign tokens."""

from datetime import timedelta
from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import Port, ServiceSettings


class ContractsSettings(ServiceSettings):
    """From the environment, with the prefix CONTRACTS_."""

    SERVICE: ClassVar[str] = "contracts"

    model_config = SettingsConfigDict(env_prefix="CONTRACTS_", extra="ignore", frozen=True, env_ignore_empty=True)

    port: Port = 8001
    secret_key: SecretStr = Field(
        min_length=32,
        description="Encrypts the private signing keys in the database: at least 32 random characters. To change it,"
        " give the old one as previous_secret_key, then run the command reseal-secrets.",
    )
    previous_secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Another secret_key: signing keys that it has encrypted can still be read. Without it a change"
        " makes them unreadable, and `signing-keys reset` makes new ones.",
    )
    signing_key_days: int = Field(default=30, ge=1, le=365, description="A signing key is replaced at this age.")
    token_failures_per_minute: int = Field(
        default=20, ge=1, le=10_000, description="Refused token requests of one address for one key before 429."
    )

    portal_secret: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="What the portal of reporting shows to get tokens for people who signed in there: "
        "REPORTING_PORTAL_SECRET, the same. Without it there is no portal.",
    )

    @property
    def signing_key_age(self) -> timedelta:
        """The age at which a signing key is replaced."""
        return timedelta(days=self.signing_key_days)
