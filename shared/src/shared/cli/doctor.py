"""`upheld doctor`: asks the four services how they are, and says of each thing that is wrong what to do.

What is judged here is pure: `judged_…` turn what a service said into findings, and are tested so.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

from shared.cli.contexts import SERVICES, Context
from shared.cli.local_commands import asked, has_settings, services_here
from shared.cli.output import DONE, NOT_SEEN, REFUSED, Output, clean, say_json, say_table, tell, working
from shared.cli.refusals import CannotGoOn, Problem
from shared.cli.session import Session, session_of
from shared.time_source import SystemClock

if TYPE_CHECKING:
    from shared.cli.api_client import ApiClient

OLDEST_UNPUBLISHED_SECONDS = 60.0
"""The relay publishes within a second; a minute is a relay that does not run, or a NATS that is away."""
MOST_PENDING = 1000
"""Events that wait for a consumer: more than a restart leaves behind."""
CLOCKS_APART_SECONDS = 2.0
"""Between two services: more than this, and what happened first is told wrongly."""
CLOCK_HERE_SECONDS = 30.0
LATE_TICK_SECONDS = "1.0"
"""Bucket of the probes' scheduler: a tick that is later than this is late."""
MOST_LATE_TICKS = 0.01
_INSIDE = ("outbox", "dead letters", "consumers")
"""Checks of what neither readiness nor any API tells."""


class State(StrEnum):
    """What was found. One that is `bad` makes the exit status 1; with none, one that is `unknown` makes it 3."""

    ok = "ok"
    note = "note"
    bad = "bad"
    unknown = "unknown"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    service: str
    check: str
    state: State
    found: str
    next_step: str = ""


@dataclass(frozen=True)
class Answer:
    """What `/readyz?verbose` of a service said, and the machine's time in the middle of asking."""

    service: str
    body: Mapping[str, Any]
    asked_at: datetime

    @property
    def ahead(self) -> timedelta | None:
        """How far the service's clock is ahead of this machine's."""
        told = self.body.get("now")
        try:
            return datetime.fromisoformat(told) - self.asked_at if isinstance(told, str) else None
        except (ValueError, TypeError):  # no instant, or one without a zone
            return None


_COLUMNS = (("service", "service"), ("check", "check"), ("state", "state"), ("found", "found"), ("next", "next_step"))


def doctor(ctx: typer.Context) -> None:
    """Look at everything: reachable, ready, versions, schema, clocks, outbox, consumers, dead letters, schedule.

    Exit status 1 when something is wrong, 3 when nothing is and something could not be seen, which is listed. Outbox,
    consumers and dead letters are read where a service is installed with its settings (in its image, or beside
    `make run`), else from its metrics when the context knows where they are; with --context from the metrics alone.
    """
    session = session_of(ctx)
    with working("Asking the services"):
        findings = list(_examined(session))
    if session.output is Output.json:
        say_json({"data": [asdict(one) for one in findings]})
    else:
        say_table([asdict(one) for one in findings], _COLUMNS)
    status, verdict = judged_whole(findings)
    tell(verdict)
    if status:
        raise typer.Exit(status)


def judged_whole(findings: Sequence[Finding]) -> tuple[int, str]:
    """The exit status, and the sentence that goes with it: what was not seen is not called well."""
    bad = sum(one.state is State.bad for one in findings)
    unseen: dict[str, list[str]] = {}
    for one in findings:
        if one.state is State.unknown:
            unseen.setdefault(one.service, []).append(one.check)
    seen = len(findings) - sum(len(checks) for checks in unseen.values())
    listed = "; ".join(f"{service} ({', '.join(checks)})" for service, checks in unseen.items())
    rest = f" Not seen: {listed}." if unseen else ""
    if bad:
        return REFUSED, f"{bad} of {seen} are wrong.{rest}"
    if unseen:
        return NOT_SEEN, f"Nothing is wrong in what was seen: {seen} checks.{rest}"
    return DONE, f"Nothing is wrong: {seen} checks."


def _examined(session: Session) -> Iterator[Finding]:
    # A context that was named is about an installation elsewhere: what is here is not mixed into it.
    local = [service for service in services_here() if has_settings(service)] if session.context_name is None else []
    try:
        context: Context | None = session.context()
    except CannotGoOn:
        if not local:
            raise
        context = None  # in an image nobody has logged in: what the service's own database says is still there
    with ThreadPoolExecutor(2) as pool:
        statuses = {service: pool.submit(_status, service) for service in local}
        found: list[Finding] = []
        if context is not None:
            if local:
                tell(
                    f"Over HTTP: the context {context.name}. Outbox, consumers and dead letters of "
                    f"{', '.join(local)}: with the settings that are here."
                )
            with session.api(context) as api:
                found += _over_http(api, context, local)
        for service in local:
            found += statuses[service].result()
    yield from found
    yield from not_seen(found, local)


def not_seen(found: Sequence[Finding], local: Sequence[str]) -> Iterator[Finding]:
    """What a look at everything has, and this one had not. `local`: services whose own command was asked."""
    looked_at = {(one.service, one.check) for one in found}
    over_http = {one.service for one in found if one.check not in (*_INSIDE, "schedule", "metrics")}
    for service in SERVICES:
        if service not in over_http:
            yield Finding(service, "ready", State.unknown, "nobody is logged in", "upheld login")
        step = f"kubectl exec deploy/{service}-worker -- upheld doctor, or upheld login --ops-url PATTERN"
        for check in _INSIDE:
            if (service, check) not in looked_at:
                after = "After what is wrong above is repaired." if service in local else step
                yield Finding(service, check, State.unknown, "nothing tells it here", after)
    if ("probes", "schedule") not in looked_at:
        step = "Give the address of its worker's metrics: upheld login --ops-url PATTERN"
        yield Finding("probes", "schedule", State.unknown, "only metrics tell it", step)


def _over_http(api: "ApiClient", context: Context, local: Sequence[str]) -> Iterator[Finding]:
    answers = []
    for service in SERVICES:
        url = context.urls.get(service)
        if not url:
            yield Finding(
                service, "reachable", State.unknown, "no address is known", f"upheld login --{service}-url URL"
            )
            continue
        before = SystemClock().now()
        try:
            answer = api.send("GET", f"{url}/readyz", params={"verbose": "1"})
            body = answer.json()
        except CannotGoOn as refusal:
            yield Finding(
                service, "reachable", State.bad, str(refusal), f"Start it, or look at its log: {_logs(service)}"
            )
            continue
        except ValueError:
            yield Finding(
                service, "reachable", State.bad, f"{url} is not a service of Upheld", "Correct it: upheld login --url …"
            )
            continue
        middle = before + (SystemClock().now() - before) / 2
        said = Answer(service, body if isinstance(body, dict) else {}, middle)
        answers.append(said)
        yield from judged_readiness(said)
    yield from judged_versions(answers)
    yield from judged_clocks(answers)
    if "contracts" in {answer.service for answer in answers}:
        yield _key(api, context)
    for service, url in context.ops_urls.items():
        yield from _metrics(api, service, url, exact=service in local)


def _key(api: "ApiClient", context: Context) -> Finding:
    try:
        api.log_in()
    except Problem as problem:
        document = problem.document
        found = f"{document.get('title')}: {document.get('detail', '')}"
        return Finding("contracts", "key", State.bad, found, "Log in with another key: upheld login.")
    except CannotGoOn as refusal:
        return Finding("contracts", "key", State.bad, str(refusal), refusal.next_step)
    return Finding("contracts", "key", State.ok, f"{context.prefix} gets tokens")


def judged_readiness(answer: Answer) -> Iterator[Finding]:
    """Whether the service takes requests, and what its schema is at."""
    checks = answer.body.get("checks")
    if not checks or not isinstance(checks, Mapping):
        yield Finding(
            answer.service, "ready", State.bad, "answers, but not as a service of this release", "Correct its address."
        )
        return
    for name, state in checks.items():
        if state != "ok":
            yield Finding(
                answer.service, name, State.bad, str(state), _READINESS.get(name, f"Look: {_logs(answer.service)}")
            )
    if all(state == "ok" for state in checks.values()):
        about = f"version {answer.body.get('version', '?')}, schema {answer.body.get('revision', '?')}"
        yield Finding(answer.service, "ready", State.ok, about)


_READINESS = {
    "database": "Is PostgreSQL running, and does the service's DATABASE_URL lead there?",
    "schema": "Run the migration of this release: upheld admin SERVICE migrate, with the owner's database URL.",
    "draining": "It stops or restarts: look again in a minute.",
    "nats": "Is NATS running, and does the service's NATS_URL lead there?",
}


def judged_versions(answers: Sequence[Answer]) -> Iterator[Finding]:
    """Whether all run the same release."""
    versions = {answer.service: str(answer.body["version"]) for answer in answers if answer.body.get("version")}
    if len(set(versions.values())) > 1:
        told = ", ".join(f"{service} {version}" for service, version in versions.items())
        yield Finding("all", "versions", State.bad, told, "Finish the roll-out, or take it back.")
    elif versions:
        yield Finding("all", "versions", State.ok, next(iter(versions.values())))


def judged_clocks(answers: Sequence[Answer]) -> Iterator[Finding]:
    """Whether the services agree about the time, with one another and with this machine."""
    ahead = {answer.service: answer.ahead for answer in answers}
    known = {service: apart.total_seconds() for service, apart in ahead.items() if apart is not None}
    if not known:
        return
    first, last = min(known, key=lambda one: known[one]), max(known, key=lambda one: known[one])
    apart = known[last] - known[first]
    if apart > CLOCKS_APART_SECONDS:
        found = f"{last} is {apart:.1f} s ahead of {first}"
        yield Finding("all", "clocks", State.bad, found, "Let every node keep its time by NTP (chrony, timesyncd).")
    else:
        yield Finding("all", "clocks", State.ok, f"{apart:.1f} s apart")
    here = sum(known.values()) / len(known)
    if abs(here) > CLOCK_HERE_SECONDS:
        found = f"the services are {abs(here):.0f} s {'ahead of' if here > 0 else 'behind'} this machine"
        yield Finding("all", "clock here", State.note, found, "Check this machine's time; `make clock` shifts theirs.")


def _status(service: str) -> list[Finding]:
    try:
        printed = asked(service, "status")
    except CannotGoOn as refusal:
        found = " ".join(str(refusal).split())
        return [Finding(service, "outbox", State.bad, found, f"Is it reachable from here? Its log: {_logs(service)}")]
    try:
        return list(judged_status(service, json.loads(printed or "{}")))
    except (ValueError, KeyError, TypeError):
        found = "its command tells it as another release does"
        return [Finding(service, check, State.unknown, found, "Use its release's own upheld.") for check in _INSIDE]


def judged_status(service: str, facts: Mapping[str, Any]) -> Iterator[Finding]:
    """What `python -m <service> status` said: outbox, dead letters, consumers."""
    if not facts:
        return  # told with what was not seen
    yield _outbox(service, float(facts["oldest_unpublished_seconds"]), f"{facts['unpublished']} events wait")
    yield _letters(service, int(facts["dead_letters"]))
    if facts["consumers"] is None:
        step = "Is NATS running, does the service's NATS_URL lead there, and has NATS the nats.conf of this release?"
        yield Finding(service, "consumers", State.bad, "NATS does not say how far they are", step)
        return
    lagging, missing, total = [], [], 0
    for one in facts["consumers"]:
        pending = one["pending"]
        if pending is None:
            missing.append(one["stream"])
            continue
        total += pending
        if pending > MOST_PENDING:
            lagging.append(f"{pending} of {one['stream']}")
    if missing:
        yield Finding(
            service, "consumers", State.bad, f"nobody consumes {', '.join(missing)}", "Start its worker: it makes them."
        )
    if lagging:
        yield Finding(
            service, "consumers", State.bad, f"waiting: {', '.join(lagging)}", f"Does its worker run? {_logs(service)}"
        )
    if not missing and not lagging:
        yield Finding(service, "consumers", State.ok, f"{total} events wait")


def _outbox(service: str, seconds: float, found: str) -> Finding:
    if seconds > OLDEST_UNPUBLISHED_SECONDS:
        return Finding(
            service,
            "outbox",
            State.bad,
            f"the oldest unpublished event is {seconds:.0f} s old",
            f"Is NATS there and a worker running? {_logs(service)}; upheld reconcile -s {service} compares.",
        )
    return Finding(service, "outbox", State.ok, found)


def _letters(service: str, count: int) -> Finding:
    if count:
        step = f"upheld dead-letters list -s {service}; after the cause is gone: upheld dead-letters retry ID."
        return Finding(service, "dead letters", State.bad, f"{count} open", step)
    return Finding(service, "dead letters", State.ok, "none open")


def _metrics(api: "ApiClient", service: str, url: str, *, exact: bool) -> Iterator[Finding]:
    try:
        text = api.send("GET", f"{url}/metrics").text
        yield from judged_metrics(service, _samples(text), exact=exact)
    except (CannotGoOn, ValueError) as error:
        found = f"the metrics cannot be read: {clean(error)}"
        yield Finding(service, "metrics", State.unknown, found, "upheld login --ops-url, or a port-forward.")


Samples = Mapping[tuple[str, str], float]
"""(name, value of the label `le` or nothing) to the sum over all other labels."""


def _samples(text: str) -> Samples:
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, sample.labels.get("le", ""))
            found[key] = found.get(key, 0.0) + sample.value
    return found


def judged_metrics(service: str, samples: Samples, *, exact: bool) -> Iterable[Finding]:
    """What the metrics say; `exact`: outbox and dead letters were read where they are, and are left out here."""
    oldest = samples.get(("outbox_oldest_unpublished_seconds", ""))
    if not exact and oldest is not None:
        yield _outbox(service, oldest, f"the oldest waits {oldest:.0f} s")
        # Consumers begin with the connection to NATS, and with them both of these.
        pending, letters = (samples.get((name, "")) for name in ("events_pending", "dead_letters_open"))
        if letters is not None:
            yield _letters(service, int(letters))
        if pending is not None and pending > MOST_PENDING:
            step = f"Does its worker run? {_logs(service)}"
            yield Finding(service, "consumers", State.bad, f"{pending:.0f} events wait", step)
        elif pending is not None:
            yield Finding(service, "consumers", State.ok, f"{pending:.0f} events wait")
    elif not exact:
        step = "Give the address of its worker's metrics: upheld login --ops-url …"
        yield from (Finding(service, one, State.unknown, "no worker answers there", step) for one in _INSIDE)
    ticks = samples.get(("probes_schedule_lateness_seconds_count", "")) if oldest is not None else None
    if ticks == 0:
        yield Finding(service, "schedule", State.ok, "no tick was due yet")
    elif ticks:
        late = 1 - samples.get(("probes_schedule_lateness_seconds_bucket", LATE_TICK_SECONDS), ticks) / ticks
        found = f"{late:.1%} of {ticks:.0f} ticks later than a second"
        if late > MOST_LATE_TICKS:
            step = "The worker is short of CPU: give it more, or a runner of its own (services/probes/README.md)."
            yield Finding(service, "schedule", State.bad, found, step)
        else:
            yield Finding(service, "schedule", State.ok, found)


def _logs(service: str) -> str:
    return (
        f"kubectl logs --selector app.kubernetes.io/name={service} --prefix --tail=200, or .upheld/logs/{service}.log"
    )
