"""What can be changed about `make run`: variables that start with UPHELD_."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.stack.nats_server import SERVICES
from shared.stack.ports import LOOPBACK, free_ports
from shared.stack.problems import StackProblem
from shared.stack.services import Endpoint

Port = Annotated[int, Field(ge=0, le=65535)]


class StackSettings(BaseSettings):
    """Settings of the stack. A port of 0 means: any free one."""

    model_config = SettingsConfigDict(env_prefix="UPHELD_", extra="ignore", frozen=True, env_ignore_empty=True)

    data_dir: Path = Path(".upheld")
    database_url: SecretStr | None = None
    nats_url: SecretStr | None = None
    postgres_bin: Path | None = None
    postgres_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    nats_server: Path | None = None
    nats_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    nats_monitor_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    contracts_port: Port = 8001
    probes_port: Port = 8002
    incidents_port: Port = 8003
    reporting_port: Port = 8004
    contracts_ops_port: Port = 9001
    probes_ops_port: Port = 9002
    incidents_ops_port: Port = 9003
    reporting_ops_port: Port = 9004
    start_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    drain_seconds: Annotated[float, Field(gt=0, le=300)] = 15.0

    @property
    def embedded(self) -> bool:
        """True when both servers are ours; only then may the clock be shifted."""
        return self.database_url is None and self.nats_url is None

    def endpoints(self) -> dict[str, Endpoint]:
        """Where the four services listen."""
        free = iter(free_ports(2 * len(SERVICES)))
        return {
            service: Endpoint(
                service,
                host=LOOPBACK,
                port=getattr(self, f"{service}_port") or next(free),
                ops_port=getattr(self, f"{service}_ops_port") or next(free),
            )
            for service in SERVICES
        }


def stack_settings() -> StackSettings:
    """The settings in the environment. Raises StackProblem that names the variables which are wrong."""
    try:
        return StackSettings()
    except ValidationError as error:
        wrong = "; ".join(
            f"UPHELD_{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise StackProblem(f"A setting is not valid: {wrong}.") from None
