"""What probes needs to know to start. Environment variables carry the prefix `PROBES_`."""

import re
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from shared.inbox import LONGEST_STREAM
from shared.outbox import RETENTION
from shared.settings import Port, ServiceSettings

LOCATION_PATTERN = r"^[a-z0-9][a-z0-9-]{0,39}$"
CONTROL_TARGET_PATTERN = r"https?://[^\s/]+\S*|(?:[^\s/:]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}"
Location = Annotated[str, Field(pattern=LOCATION_PATTERN)]


class ProbesSettings(ServiceSettings):
    """Settings of the probes service and of its runners.

    `allowed_networks` (of every service) names the private networks that checks may reach; left empty, only public
    addresses are connected to. The embedded stack allows 127.0.0.0/8.
    """

    SERVICE: ClassVar[str] = "probes"
    model_config = SettingsConfigDict(env_prefix="PROBES_", extra="ignore", frozen=True, env_ignore_empty=True)

    port: Port = 8002
    stream_days: int = Field(
        default=RETENTION.days,
        ge=RETENTION.days,
        le=LONGEST_STREAM.days,
        description="Days for which NATS keeps what this service has said: as long as its outbox, because the roll-ups"
        " of every hour fill the stream, and one that is full takes no outage either.",
    )
    secret_key: SecretStr | None = Field(
        min_length=32,
        description="At least 32 random characters. Seals the secrets of checks, in the database and for runners, "
        "whose keys follow from it. To change it, give the old one as previous_secret_key, then run the command "
        "reseal-secrets.",
    )
    previous_secret_key: SecretStr | None = Field(
        default=None, min_length=32, description="Another secret_key: what it has sealed can still be read."
    )
    location_key: SecretStr | None = Field(
        default=None,
        min_length=44,
        max_length=44,
        description="Of a runner: opens the secrets of the checks of its location. `runner-keys` tells it; where "
        "secret_key is known it follows from that.",
    )
    previous_location_key: SecretStr | None = Field(
        default=None, min_length=44, max_length=44, description="Another one, while the key of the service changes."
    )
    locations: Annotated[tuple[Location, ...], NoDecode, Field(min_length=1)] = Field(
        default=("default",), description="Where monitors are checked from; comma-separated."
    )
    location: Location = Field(default="default", description="Where this process executes checks.")
    execute_checks: bool = Field(
        default=True,
        description="Whether the worker also executes checks at its location. False where runners are processes "
        "of their own.",
    )
    runner_keys_file: Path | None = Field(
        default=None, description="The file of runner keys that NATS includes; only `runner-keys` reads and writes it."
    )
    max_concurrent_checks: int = Field(default=500, ge=1, le=10_000, description="Under way at one time in one runner.")
    control_targets: Annotated[tuple[str, ...], NoDecode, Field(max_length=10)] = Field(
        default=(),
        description="Web addresses, or host:port, that every location should reach; comma-separated. While checks fail "
        "they decide whether the location is at fault. Choose several that have nothing in common, also not with what "
        "is watched; what lies in a private network must be in allowed_networks.",
    )
    ca_file: Path | None = Field(
        default=None, description="PEM file of the authorities that checks trust; default: the certifi bundle."
    )
    rdap_bootstrap_url: str = Field(
        default="https://data.iana.org/rdap/dns.json",
        pattern=r"^https?://\S+$",
        description="Where IANA's list of the registries' RDAP servers is read, once a day.",
    )
    end_of_life_file: Path | None = Field(
        default=None,
        description="JSON file of components and their cycles that takes the place of the one of the service; read "
        "again when it changes.",
    )
    retention_days: int = Field(
        default=35,
        ge=1,
        le=3650,
        description="Days that raw results are kept. No fewer than any contract's client has to claim a credit in: "
        "only they prove a single check.",
    )
    rollup_months: int = Field(
        default=25, ge=2, le=240, description="Months that hourly roll-ups are kept, besides the one that goes on."
    )

    @field_validator("control_targets")
    @classmethod
    def _targets_can_be_tried(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        for target in targets:
            port = target.rpartition(":")[2] if "://" not in target else "80"
            if not re.fullmatch(CONTROL_TARGET_PATTERN, target) or not 0 < int(port) < 65_536:
                raise ValueError(f"{target} is neither a web address nor host:port")
        return targets

    @field_validator("locations", "control_targets", mode="before")
    @classmethod
    def _split_locations(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _locations_are_places(self) -> Self:
        if "heartbeat" in self.locations:
            raise ValueError("heartbeat is where heartbeats come from: choose another name for the location")
        if "imported" in self.locations:
            raise ValueError("imported is where the past of other systems comes from: choose another name")
        return self

    @model_validator(mode="after")
    def _locations_differ(self) -> Self:
        if len(set(self.locations)) != len(self.locations):
            raise ValueError("locations names one location twice")
        return self


class RunnerSettings(ProbesSettings):
    """Of a runner, which needs NATS and its location, and of `runner-keys`: neither has a database.

    A runner has no `secret_key` either; `runner-keys` needs it to tell the key of a location.
    """

    database_url: SecretStr = SecretStr("postgresql://127.0.0.1/none")
    secret_key: SecretStr | None = Field(default=None, min_length=32)
