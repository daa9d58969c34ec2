"""A service as a process: how it starts, refuses to start, answers over real sockets, drains and stops."""

import gc
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
import structlog
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from shared.ids import new_id
from shared.migrations import migrate
from shared.outbound_http import usual_authorities
from shared.service import service_cli
from shared.stack.nats_server import NatsServer
from shared.testing.databases import DatabaseUrls, ServiceDatabases

from .library.service import SERVICE

LIBRARY = Path(__file__).parent / "library" / "service.py"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command of the library in this process, with these environment variables."""
    configuration = structlog.get_config()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def run_command(*arguments: str, **variables: str) -> Done:
        capfd.readouterr()
        with monkeypatch.context() as environment:
            for name, value in variables.items():
                environment.setenv(name, value)
            status = service_cli(SERVICE, arguments)
        return Done(status, *capfd.readouterr())

    yield run_command
    structlog.configure(**configuration)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="module")
def database(service_databases: ServiceDatabases) -> DatabaseUrls:
    urls = service_databases.create_empty("library")
    done = subprocess.run(
        [sys.executable, str(LIBRARY), "migrate"],
        env={
            "PATH": os.environ["PATH"],
            "LIBRARY_DATABASE_URL": urls.app,
            "LIBRARY_MIGRATION_DATABASE_URL": urls.owner,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return urls


class Running:
    def __init__(self, process: subprocess.Popen[str], port: int, ops_port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.ops = f"http://127.0.0.1:{ops_port}"

    def wait_until(self, address: str, accept: Callable[[httpx.Response], bool]) -> httpx.Response:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                answer = httpx.get(address, trust_env=False, verify=usual_authorities())
                if accept(answer):
                    return answer
            except httpx.TransportError:
                assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.05)
        raise AssertionError(f"{address} never came")


@contextmanager
def running(role: str, database: DatabaseUrls, *, ready: int = 200, **variables: str) -> Iterator[Running]:
    port, ops_port = free_port(), free_port()
    process = subprocess.Popen(
        [sys.executable, str(LIBRARY), role],
        env={
            "PATH": os.environ["PATH"],
            "LIBRARY_DATABASE_URL": database.app,
            "LIBRARY_PORT": str(port),
            "LIBRARY_OPS_PORT": str(ops_port),
            "LIBRARY_NATS_URL": "nats://127.0.0.1:1",
            **variables,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        running = Running(process, port, ops_port)
        running.wait_until(running.ops + "/readyz", lambda answer: answer.status_code == ready)
        if role != "worker":  # it listens for the platform and for callers one after the other
            running.wait_until(running.url + "/livez", lambda answer: answer.status_code == 200)
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_process_that_looked_for_no_garbage_while_it_imported_does_from_then_on(run: Run) -> None:
    gc.collect()
    frozen = gc.get_freeze_count()
    gc.disable()
    try:
        run("all")
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen
    finally:
        gc.enable()


def test_missing_settings_are_listed_all_at_once(run: Run) -> None:
    done = run("api", LIBRARY_LOG_LEVEL="loud", LIBRARY_PORT="99999")
    assert done.returncode == 2
    for name in ("LIBRARY_DATABASE_URL", "LIBRARY_LOG_LEVEL", "LIBRARY_PORT"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_migrate_says_in_one_sentence_what_it_lacks(run: Run) -> None:
    nowhere = "postgresql://library_owner:hunter2@127.0.0.1:1/library"
    done = run("migrate", LIBRARY_DATABASE_URL=nowhere)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "LIBRARY_MIGRATION_DATABASE_URL" in done.stderr
    done = run("migrate", LIBRARY_DATABASE_URL=nowhere, LIBRARY_MIGRATION_DATABASE_URL=nowhere)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "cannot be migrated" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_migrate_leaves_a_schema_of_a_newer_release_alone(run: Run, service_databases: ServiceDatabases) -> None:
    urls = service_databases.create_empty("library")
    where = {"LIBRARY_DATABASE_URL": urls.app, "LIBRARY_MIGRATION_DATABASE_URL": urls.owner}
    assert run("migrate", **where).returncode == 0
    with psycopg.connect(urls.owner) as connection:
        connection.execute("update library.alembic_version set version_num = '9999'")
    done = run("migrate", **where)
    assert (done.returncode, done.stderr) == (0, "")
    told = "The schema of library stands at 9999, which a newer release made: nothing to do."
    assert done.stdout.splitlines()[-1] == told


def test_a_worker_waits_for_its_schema_and_then_begins_by_itself(
    service_databases: ServiceDatabases, nats_server: NatsServer
) -> None:
    urls = service_databases.create_empty("library")
    with running("worker", urls, ready=503, LIBRARY_NATS_URL=nats_server.url()) as library:
        waiting = httpx.get(library.ops + "/readyz").json()
        assert "run `migrate`" in waiting["detail"]
        assert waiting["checks"]["nats"] == "is not connected", "none of its loops runs yet"
        assert httpx.get(library.ops + "/livez").status_code == 200
        told = httpx.get(library.ops + "/metrics").text
        assert 'outbox_relay_leading{service="library"} 0.0' in told, "alerts are about what is told"
        assert 'nats_connected{service="library"} 0.0' in told
        migrate(urls.owner, SERVICE.migrations, "library", SERVICE.metadata)
        library.wait_until(library.ops + "/readyz", lambda answer: answer.status_code == 200)


def test_a_taken_port_is_one_sentence(database: DatabaseUrls, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("api", LIBRARY_DATABASE_URL=database.app, LIBRARY_PORT=port)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"127.0.0.1:{port}" in done.stderr
    assert "LIBRARY_PORT" in done.stderr


def test_the_api_answers_on_one_port_and_the_platform_on_the_other(database: DatabaseUrls) -> None:
    with running("api", database) as library:
        assert httpx.get(library.url + "/readyz").json() == {"status": "ready"}
        assert httpx.get(library.url + "/livez").status_code == 200
        assert httpx.get(library.url + "/metrics").status_code == 404
        assert httpx.get(library.url + "/openapi.json").json()["info"]["title"] == "Library"
        page = httpx.get(library.url + "/docs").text
        assert "create_book" in page
        assert "<script" not in page
        openmetrics = httpx.get(library.ops + "/metrics", headers={"Accept": "application/openmetrics-text"})
        families = text_string_to_metric_families(openmetrics.text)  # type: ignore[no-untyped-call]
        assert "http_request_duration_seconds" in {family.name for family in families}
        assert httpx.get(library.ops + "/metrics").headers["content-type"].startswith("text/plain")
        assert httpx.get(library.ops + "/nothing").status_code == 404


@pytest.mark.parametrize(
    ("trusted", "seen"),
    [("", "127.0.0.1"), ("192.0.2.0/24", "127.0.0.1"), ("127.0.0.1, 192.0.2.0/24", "198.51.100.7")],
)
def test_the_caller_is_whom_a_trusted_proxy_names(database: DatabaseUrls, trusted: str, seen: str) -> None:
    with running("api", database, LIBRARY_TRUSTED_PROXIES=trusted) as library:
        # What stands left of the caller is what the caller wrote himself.
        chain = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7, 192.0.2.1"}
        assert httpx.get(library.url + "/v1/public/count", headers=chain).status_code == 200
        library.process.send_signal(signal.SIGTERM)
        output, _ = library.process.communicate(timeout=20)
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["remote"] for line in lines if line["event"] == "request" and "count" in line["path"]] == [seen]


def test_ten_megabytes_are_refused_before_they_are_read(database: DatabaseUrls) -> None:
    with running("api", database) as library:
        answer = httpx.post(library.url + "/v1/books", content=b"x" * 10_000_000)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        with socket.create_connection(("127.0.0.1", library.port), timeout=5) as connection:
            head = ("POST /v1/books HTTP/1.1", "Host: x", "Content-Type: application/json", "Content-Length: 10000000")
            connection.sendall("\r\n".join((*head, "", "{")).encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 413")  # although the body never came
        answer = httpx.get(library.url + "/livez")
        assert answer.status_code == 200


def test_sigterm_finishes_what_is_in_progress_and_ends_with_success(database: DatabaseUrls) -> None:
    with running("api", database) as library, psycopg.connect(database.superuser) as blocker:
        blocker.execute("lock table library.book in access exclusive mode")
        answers: list[httpx.Response] = []
        request = threading.Thread(
            target=lambda: answers.append(httpx.get(library.url + "/v1/public/count", timeout=30))
        )
        request.start()
        _until_blocked(database)
        library.process.send_signal(signal.SIGTERM)
        answer = library.wait_until(library.ops + "/readyz", lambda answer: answer.status_code == 503)
        assert answer.json()["checks"]["draining"] != "ok"
        assert httpx.get(library.ops + "/livez").status_code == 200
        blocker.rollback()
        request.join(timeout=20)
        assert answers[0].status_code == 200
        output, errors = library.process.communicate(timeout=20)
        assert (library.process.returncode, errors) == (0, "")
        events = [json.loads(line)["event"] for line in output.splitlines()]
        assert events.index("service_draining") < events.index("service_stopped")


def _until_blocked(database: DatabaseUrls) -> None:
    until = time.monotonic() + 10
    query = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and usename = 'library_app'"
    while time.monotonic() < until:
        with psycopg.connect(database.superuser) as connection:
            if connection.execute(query).fetchone():
                return
        time.sleep(0.02)
    raise AssertionError("the request never waited for the lock")


def test_an_api_is_ready_and_a_worker_alive_while_nats_is_away(database: DatabaseUrls) -> None:
    with running("all", database) as library:
        assert httpx.get(library.url + "/readyz").status_code == 200
        library.process.send_signal(signal.SIGTERM)
        _, errors = library.process.communicate(timeout=20)
        assert (library.process.returncode, errors) == (0, "")


def test_a_worker_publishes_and_republishes(database: DatabaseUrls, own_nats_server: NatsServer, run: Run) -> None:
    event = new_id()
    with psycopg.connect(database.superuser) as connection:
        connection.execute("truncate library.outbox")
        connection.execute(
            "insert into library.outbox (event_id, type, subject, aggregate_type, aggregate_id, aggregate_version, "
            "envelope, occurred_at) values (%s, 'dev.upheld.library.book.added.v1', 'library.book.b.added.v1', 'book', "
            "'b', 1, '{}', now())",
            [event],
        )
    with running("worker", database, LIBRARY_NATS_URL=own_nats_server.url()):
        _until_published(database)
        done = run("republish", "--since", "2020-01-01T00:00:00Z", LIBRARY_DATABASE_URL=database.app)
        assert (done.returncode, done.stdout) == (0, "1 events of library will be published again\n")
        _until_published(database)
        url = {"LIBRARY_DATABASE_URL": database.app, "LIBRARY_NATS_URL": own_nats_server.url()}
        assert "the worker's relay leads" in run("reconcile", **url).stdout


def test_without_a_worker_reconcile_puts_back_what_the_stream_has_lost_and_status_tells(
    database: DatabaseUrls, own_nats_server: NatsServer, run: Run
) -> None:
    url = {
        "LIBRARY_DATABASE_URL": database.app,
        "LIBRARY_NATS_URL": own_nats_server.url(),
        "LIBRARY_LOG_LEVEL": "error",
    }
    with psycopg.connect(database.superuser) as connection:
        connection.execute("truncate library.outbox, library.dead_letter")
        connection.execute(
            "insert into library.outbox (event_id, type, subject, aggregate_type, aggregate_id, aggregate_version, "
            "envelope, occurred_at, published_at, stream_seq) values (%s, 'dev.upheld.library.book.added.v1', "
            "'library.book.b.added.v1', 'book', 'b', 1, '{}', now() - interval '1 hour', now(), 7)",
            [new_id()],
        )
    own_nats_server.kill()
    own_nats_server.wipe()
    own_nats_server.start()
    assert json.loads(run("status", **url).stdout)["unpublished"] == 0
    done = run("reconcile", **url)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "library: outbox and stream agree; 1 events wait to be published"
    told = json.loads(run("status", **url).stdout)
    # The second one is the record that somebody reconciled; to ask for the status leaves none.
    assert (told["service"], told["unpublished"], told["dead_letters"]) == ("library", 2, 0)
    assert told["oldest_unpublished_seconds"] > 3500
    # Nobody has declared the consumer yet: that is another thing than one that has nothing to do.
    assert told["consumers"] == [{"stream": "PUBLISHER", "pending": None, "unacknowledged": None}]


def test_a_worker_without_nats_is_not_ready_and_an_api_without_nats_is(
    database: DatabaseUrls, own_nats_server: NatsServer
) -> None:
    url = own_nats_server.url()
    with running("worker", database, LIBRARY_NATS_URL=url) as worker, running("api", database) as api:
        assert httpx.get(worker.ops + "/readyz?verbose").json()["checks"]["nats"] == "ok"
        own_nats_server.kill()
        answer = worker.wait_until(worker.ops + "/readyz", lambda answer: answer.status_code == 503)
        assert answer.json()["checks"] == {
            "database": "ok",
            "schema": "ok",
            "nats": "is not connected",
            "draining": "ok",
        }
        assert httpx.get(worker.ops + "/livez").status_code == 200
        assert "nats" not in httpx.get(api.ops + "/readyz?verbose").json()["checks"]
        own_nats_server.start()
        worker.wait_until(worker.ops + "/readyz", lambda answer: answer.status_code == 200)


def test_a_worker_that_never_found_nats_is_not_ready_and_its_metrics_say_so(
    database: DatabaseUrls, own_nats_server: NatsServer
) -> None:
    """From the start: an alert about a series that is not there yet does not fire."""
    own_nats_server.kill()
    with running("worker", database, ready=503, LIBRARY_NATS_URL=own_nats_server.url()) as worker:
        assert httpx.get(worker.ops + "/readyz").json()["checks"]["nats"] == "is not connected"
        told = httpx.get(worker.ops + "/metrics").text
        assert 'nats_connected{service="library"} 0.0' in told
        assert 'outbox_relay_leading{service="library"} 0.0' in told
        assert 'worker_loop_failures_total{loop="job clean event tables"} 0.0' in told
        own_nats_server.start()
        worker.wait_until(
            worker.ops + "/metrics", lambda answer: 'nats_connected{service="library"} 1.0' in answer.text
        )
        leads = 'outbox_relay_leading{service="library"} 1.0'
        worker.wait_until(worker.ops + "/metrics", lambda answer: leads in answer.text)


def test_one_process_for_everything_answers_requests_without_nats(database: DatabaseUrls) -> None:
    with running("all", database) as library:
        assert httpx.get(library.url + "/readyz?verbose").json()["checks"].keys() == {"database", "schema", "draining"}


def _until_published(database: DatabaseUrls) -> None:
    until = time.monotonic() + 15
    while time.monotonic() < until:
        with psycopg.connect(database.superuser) as connection:
            if connection.execute("select 1 from library.outbox where published_at is not null").fetchone():
                return
        time.sleep(0.05)
    raise AssertionError("the event was never published")


def test_dead_letters_are_listed_shown_replayed_and_discarded(database: DatabaseUrls, run: Run) -> None:
    letters = sorted([new_id(), new_id()])
    payload = json.dumps(
        {
            "specversion": "1.0",
            "id": str(new_id()),
            "source": "/services/publisher",
            "type": "dev.upheld.publisher.parcel.moved.v1",
            "subject": "parcel/1",
            "time": "2026-06-08T09:00:00Z",
            "datacontenttype": "application/json",
            "dataschema": "urn:upheld:schema:publisher.parcel.moved.v1",
            "tenantid": str(new_id()),
            "aggregateversion": 1,
            "data": {"place": "Lyon"},
        }
    )
    with psycopg.connect(database.superuser) as connection:
        for letter in letters:
            connection.execute(
                "insert into library.dead_letter (id, consumer, event_id, subject, stream, stream_seq, payload, error, "
                "deliveries, failed_at) values (%s, 'library', %s, 'publisher.parcel.1.moved.v1', 'PUBLISHER', 7, %s, "
                "'Boom: it broke\nin detail', 8, now())",
                [letter, new_id(), payload.encode()],
            )
    variables = {"LIBRARY_DATABASE_URL": database.app}
    listed = run("dead-letters", "list", **variables)
    assert [line.split(" ")[0] for line in listed.stdout.splitlines()] == [str(letter) for letter in letters]
    assert "Boom: it broke" in listed.stdout
    after = run("dead-letters", "list", "--json", "--after", str(letters[0]), **variables)
    assert [json.loads(line)["id"] for line in after.stdout.splitlines()] == [str(letters[1])]
    assert "payload" not in after.stdout
    shown = json.loads(run("dead-letters", "show", str(letters[0]), **variables).stdout)
    assert json.loads(shown["payload"])["data"] == {"place": "Lyon"}
    assert "replayed" in run("dead-letters", "replay", str(letters[0]), **variables).stdout
    assert "discarded" in run("dead-letters", "discard", str(letters[1]), "--reason", "a test", **variables).stdout
    assert run("dead-letters", "list", **variables).stdout == ""
    again = run("dead-letters", "replay", str(letters[0]), **variables)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    with psycopg.connect(database.superuser) as connection:
        found = connection.execute("select resolution from library.dead_letter order by id").fetchall()
    assert found == [("replayed",), ("discarded: a test",)]


def test_documents_need_no_settings(tmp_path: Path, run: Run) -> None:
    done = run("openapi")
    assert json.loads(done.stdout)["servers"][0]["url"] == "http://127.0.0.1:8009"
    assert run("openapi", LIBRARY_PORT="1").stdout == done.stdout
    assert json.loads(run("asyncapi").stdout)["asyncapi"] == "3.1.0"
    run("documents", str(tmp_path))
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")) == [
        "asyncapi.json",
        "openapi.json",
        "schemas/examples/library.book.added.v1.json",
        "schemas/examples/library.operation.recorded.v1.json",
        "schemas/library.book.added.v1.schema.json",
        "schemas/library.operation.recorded.v1.schema.json",
    ]
    assert run("documents", str(tmp_path)).stdout == ""
