"""Nothing lost, nothing twice: crashes at the worst instants, lost acknowledgements, killed servers, a lost volume."""

import json
import sys

import pytest

from shared.stack.nats_server import NatsServer
from shared.stack.postgres_server import PostgresServer
from shared.testing.running_stack import running_stack_over
from shared.testing.small_site import SmallSite

from .storm import EVERY_FAULT, Storm, StormPlan

SHORT = StormPlan(seconds=40, fault_rate=0.005, nats_kill_every=8, postgres_kill_every=17, api_kill_every=13)
LONG = StormPlan(seconds=300, contracts=60, fault_rate=0.01, postgres_kill_every=17)


@pytest.mark.slow
@pytest.mark.capability("X08")
def test_after_a_storm_every_event_took_effect_exactly_once_and_the_services_agree(
    own_postgres_server: PostgresServer, own_nats_server: NatsServer, request: pytest.FixtureRequest
) -> None:
    plan = LONG if request.config.getoption("--chaos", default="short") == "long" else SHORT
    with running_stack_over(own_postgres_server, own_nats_server) as stack, SmallSite() as site:
        report = Storm(stack, site, plan, say=lambda line: print(line, file=sys.stderr)).run()
        logs = stack.logs() if report.violations else ""
    print(json.dumps(report.as_json(), indent=2, default=str))
    assert report.violations == [], logs
    assert {fault for fault, count in report.blows.items() if count} >= EVERY_FAULT, report.blows
    assert report.outages > 0
    assert report.outages_cut_off > 0
    assert report.outages_measured > 0
    assert report.clock_states["paused"] > 0
    assert report.changes_accepted > 0
