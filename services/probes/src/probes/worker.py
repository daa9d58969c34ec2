"""What the worker of probes runs besides relay and consumers, and the runner as a process of its own."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import cast

import structlog
from nats.errors import Error as NatsError
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from probes.adapters.check_secrets import check_secrets, location_secrets
from probes.adapters.checks.executors import Executors
from probes.adapters.end_of_life import replace_list
from probes.jobs.check_tests import ForgetTests, HandOutTests
from probes.jobs.critical_periods import FollowCriticalPeriods
from probes.jobs.housekeeping import ConfigureLocations, FollowContracts, KeepPartitions
from probes.jobs.recording import Recorder
from probes.jobs.reports import FollowCrashes, FollowHeartbeats, ForgetReports, JudgeRestores
from probes.jobs.rolling_up import FoldHours, RollUp
from probes.jobs.running import Runner
from probes.jobs.scheduling import Scheduler
from probes.jobs.sealing import SealSecrets
from probes.jobs.watching_performance import WatchPerformance
from probes.settings import ProbesSettings
from shared.jetstream import close, connect
from shared.kernel.clock import Clock
from shared.problems import Unavailable
from shared.service_process import serving_ops
from shared.time_source import clock_from
from shared.worker import NATS_CONNECTED, Connections, Job, Links, Liveness, LoopsFor, Runtime

log = structlog.get_logger()

Loop = Callable[[], Awaitable[None]]

# For metrics: since when something is due. A version that came late was not due before it was heard of.
_OLDEST_VERSION = text(
    "select min(greatest(effective_from, heard_at)) from probes.contract_version where applied_at is null"
)
_OLDEST_GROUP = text("select min(due_at) from probes.monitor_group where removed_at is null")
_OLDEST_HEARTBEAT = text("select min(due_at) from probes.heartbeat")
_OLDEST_RESTORE = text("select min(due_at) from probes.restore_promise where active")


def jobs(runtime: Runtime) -> Sequence[Job]:
    """Work that needs no NATS."""
    settings = cast(ProbesSettings, runtime.settings)
    replace_list(settings.end_of_life_file)
    return (
        Job("configure locations", ConfigureLocations(runtime.units, settings.locations)),
        Job("follow contracts", FollowContracts(runtime.units), due=[_OLDEST_VERSION]),
        Job("follow critical periods", FollowCriticalPeriods(runtime.units), due=[_OLDEST_GROUP]),
        Job("keep partitions", KeepPartitions(runtime.units, settings.retention_days, settings.rollup_months)),
        Job("roll up", RollUp(runtime.units, settings.retention_days)),
        Job("follow heartbeats", FollowHeartbeats(runtime.units), due=[_OLDEST_HEARTBEAT]),
        Job("follow crashes", FollowCrashes(runtime.units)),
        Job("judge restores", JudgeRestores(runtime.units), due=[_OLDEST_RESTORE]),
        Job("forget reports", ForgetReports(runtime.units, settings.retention_days)),
        Job("seal secrets", SealSecrets(runtime.units, check_secrets(settings))),
        Job("forget check tests", ForgetTests(runtime.units)),
        Job("fold hours", FoldHours(runtime.units)),
        Job("watch performance", WatchPerformance(runtime.units)),
    )


def extra_loops(runtime: Runtime) -> LoopsFor:
    """Scheduler and recorder, and a runner unless the settings leave that to processes of their own."""
    settings = cast(ProbesSettings, runtime.settings)

    def loops(connections: Connections) -> dict[str, Loop]:
        scheduler = Scheduler(
            settings.database_url.get_secret_value(),
            connections.publishing.jetstream(),
            runtime.clock,
            check_secrets(settings),
            locations=settings.locations,
            replicas=settings.nats_replicas,
            progress=runtime.liveness.tick,
        )
        recorder = Recorder(
            runtime.units,
            settings.database_url.get_secret_value(),
            connections.consuming.jetstream(),
            runtime.clock,
            locations=settings.locations,
            replicas=settings.nats_replicas,
            progress=runtime.liveness.tick,
        )
        tests = HandOutTests(
            runtime.units,
            connections.publishing.jetstream(),
            replicas=settings.nats_replicas,
            progress=runtime.liveness.tick,
        )
        found: dict[str, Loop] = {"scheduler": scheduler.run, "recorder": recorder.run, "check tests": tests.run}
        if settings.execute_checks:
            found["runner"] = lambda: run_runner(settings, runtime.clock, runtime.liveness.tick)
        return found

    return loops


async def run_runner(
    settings: ProbesSettings, clock: Clock, progress: Callable[[str], None], links: Links | None = None
) -> None:
    """Executes checks at the settings' location until it is cancelled. Raises when NATS fails for good.

    `links` is told the connection, for readiness.
    """
    client = await connect(settings.nats_url, f"probes runner {settings.location}", ca_file=settings.nats_ca_file)
    if links is not None:
        links.watch(client)
    executors = Executors(
        settings.allowed_networks,
        ca_file=settings.ca_file,
        clock=clock,
        rdap_bootstrap_url=settings.rdap_bootstrap_url,
    )
    try:
        runner = Runner(
            f"{socket.gethostname()}/{settings.location}"[:100],
            settings.location,
            client.jetstream(),
            executors,
            clock,
            secrets=location_secrets(settings),
            max_concurrent=settings.max_concurrent_checks,
            control_targets=settings.control_targets,
            progress=progress,
        )
        await runner.run()
    finally:
        await executors.aclose()
        await close(client)


async def runner_process(_arguments: list[str], settings: ProbesSettings) -> int:
    """`python -m probes runner`: executes checks until SIGTERM or SIGINT. Returns the exit status.

    Raises CannotStart when the port of operations is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    networks = [str(ip_network(network)) for network in settings.allowed_networks]
    log.info("runner_started", location=settings.location, allowed_networks=networks)
    state = RunnerState(stop)
    NATS_CONNECTED.labels(settings.SERVICE).set_function(lambda: float(state.links.up))
    async with serving_ops(settings, state.liveness, state.ready):
        running = asyncio.create_task(_keep_running(settings, clock_from(settings.clock_file), state))
        await stop.wait()
        while not running.done():  # a cancellation that meets a message gets lost in asyncio.wait_for: say it again
            running.cancel()
            await asyncio.wait({running}, timeout=1.0)
    log.info("runner_stopped", location=settings.location)
    return 0


@dataclass(frozen=True)
class RunnerState:
    """What a runner answers on its port of operations: it lives by its progress, and is ready when it reaches NATS."""

    stop: asyncio.Event
    liveness: Liveness = field(default_factory=Liveness)
    links: Links = field(default_factory=Links)

    async def ready(self, *, verbose: bool) -> Response:
        """The answer of `/readyz`. A runner has no database, and no schema."""
        checks = {
            "nats": "ok" if self.links.up else "is not connected",
            "draining": "this process is stopping" if self.stop.is_set() else "ok",
        }
        if wrong := {name: state for name, state in checks.items() if state != "ok"}:
            detail = "Not ready: " + "; ".join(f"{name} {state}" for name, state in wrong.items()) + "."
            return Unavailable(detail, checks=checks).response("/readyz")
        told = {"status": "ready"} | ({"checks": checks} if verbose else {})
        return JSONResponse(told, headers={"Cache-Control": "no-store"})


async def _keep_running(settings: ProbesSettings, clock: Clock, state: RunnerState) -> None:
    while not state.stop.is_set():
        # To wait for NATS is no standstill, whatever was told before it went away.
        state.liveness.forget("runner")
        try:
            await run_runner(settings, clock, state.liveness.tick, state.links)
        except (NatsError, OSError) as error:
            log.warning("runner_lost_nats", error=f"{type(error).__name__}: {error}"[:500])
        except Exception as error:
            log.warning("runner_failed", error=f"{type(error).__name__}: {error}"[:500], exc_info=error)
        await asyncio.sleep(1.0)
