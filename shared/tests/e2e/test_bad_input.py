"""Every operation of the four services with every kind of bad input: the right problem, at its place, never a 500."""

import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest

from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.outbound_http import usual_authorities
from shared.testing.running_stack import RunningStack, Tenant
from shared.testing.small_site import SmallSite
from shared.testing.tokens import TokenMint

from . import outage_decisions
from .bad_requests import Attempt, BadRequests, Judge, not_a_problem
from .conftest import SERVICES, World
from .contract_hours import YEARLY
from .contract_settlements import AFTER_MISSES
from .desk_items import DECIDED
from .openapi_walk import Operation
from .repeatable import Repeatable, repeatable_requests
from .thread_client import ThreadClient, eventually

TEN_MEGABYTES = 10 * 1024 * 1024
AT_ONCE = 2.0
"""Seconds within which a body that is too large is refused; reading it at a client's pace would take longer."""
KEEPS_NOTHING = {
    "plan_contract_document",
    "preview_leaving",
    "preview_message_template",
    "preview_price",
    "replay_contract",
    "write_message",
}
"""What is computed for whoever asks, and leaves no record."""
TOKEN_LIFETIME = timedelta(minutes=10)


@pytest.fixture(scope="module")
def judge(running_stack: RunningStack, world: World, documents: dict[str, dict[str, Any]]) -> Judge:
    """Sends requests as the owner of the world."""
    urls = {service: running_stack.url(service) for service in SERVICES}
    return Judge(urls, running_stack.token(world.tenant), documents)


@pytest.fixture(scope="module", params=SERVICES)
def requests(
    request: pytest.FixtureRequest,
    running_stack: RunningStack,
    world: World,
    documents: dict[str, dict[str, Any]],
    every_operation: list[Operation],
    owned: dict[str, str],
    small_site: SmallSite,
) -> BadRequests:
    """What can be done wrong with one service."""
    operations = [one for one in every_operation if one.service == request.param]
    if request.param == "probes":  # by now the walk over contracts has ended the world's contract
        with ThreadClient(running_stack, running_stack.token(world.tenant)) as thread:
            contract = thread.activate_contract(
                thread.create_client("Watched client"), [("Watched site", small_site.url("/watched"))]
            )
            (monitor, *_) = thread.wait_for_monitors(contract, "up")
        owned = owned | {"contract_id": contract.contract_id, "environment_id": monitor["environment_id"]}
    return BadRequests(operations, documents[request.param], owned)


def refused(judge: Judge, attempts: Iterator[Attempt], *, none: bool = False) -> None:
    """Every attempt was made and rightly refused. A service may have `none` of a kind."""
    made = list(attempts)
    assert made or none
    wrongs = list(judge.wrongs(made))
    assert not wrongs, f"{len(wrongs)} of {len(made)} attempts:\n" + "\n".join(wrongs[:60])


@pytest.mark.parametrize("service", [one for one in SERVICES if one != "probes"])
def test_the_example_of_every_body_is_not_at_fault(
    service: str,
    running_stack: RunningStack,
    judge: Judge,
    documents: dict[str, dict[str, Any]],
    every_operation: list[Operation],
    owned: dict[str, str],
) -> None:
    """What a newcomer copies from the document may meet a state that refuses it, never a rule about its form.

    Whatever took effect is in the audit log.
    """
    requests = BadRequests([one for one in every_operation if one.service == service], documents[service], owned)
    done = set()
    with httpx.Client(trust_env=False, timeout=30) as http:
        for attempt in requests.good_bodies():
            answer = judge.answer(http, attempt)
            # What a client's decider decides, the agency may not, however good the body is.
            states = {404, 409} | ({403} if attempt.operation.operation_id in DECIDED else set())
            if attempt.operation.operation_id in ("merge_item", "send_message"):
                states.add(422)  # no example can name another item of the same contract, or the one of two who decide
            assert answer.is_success or answer.status_code in states, f"{attempt}: {answer.text}"
            if answer.is_success and attempt.operation.secured and "/calculators/" not in attempt.path:
                done.add(attempt.operation.operation_id)
    done -= KEEPS_NOTHING

    eventually(lambda: done <= recorded_changes(running_stack, judge, service) or None, 60, f"the log tells of {done}")


def recorded_changes(running_stack: RunningStack, judge: Judge, service: str) -> set[str]:
    """The operations of a service whose changes the newest entries of the audit log tell of."""
    with ThreadClient(running_stack, judge.token) as thread:
        page, found = {"next_cursor": None}, set[str]()
        for _ in range(10):
            params = {"service": service, "kind": "change", "limit": 200}
            params |= {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
            page = thread.call("GET", "reporting", "/v1/audit-log", params=params).json()
            found |= {entry["operation"] for entry in page["data"] if entry["outcome"] == "done"}
            if page["next_cursor"] is None:
                break
    return found


# Bodies ---------------------------------------------------------------------------------------------------------------


def test_a_body_that_is_not_json_is_a_400(judge: Judge, requests: BadRequests) -> None:
    refused(judge, requests.unreadable_bodies(), none=requests.service == "probes")


def test_a_body_of_another_media_type_is_a_415(judge: Judge, requests: BadRequests) -> None:
    refused(judge, requests.bodies_of_another_type(), none=requests.service == "probes")


def test_every_fault_at_every_place_of_a_body_is_a_422_that_points_at_it(judge: Judge, requests: BadRequests) -> None:
    groups = list(requests.faulty_bodies())
    assert groups
    wrongs = list(judge.wrongs_of_many(groups))
    assert not wrongs, f"{len(wrongs)} wrongs in {len(groups)} bodies:\n" + "\n".join(wrongs[:60])


def test_a_period_that_ends_before_it_begins_is_a_422(judge: Judge, requests: BadRequests) -> None:
    refused(judge, requests.reversed_periods())


def test_a_body_that_names_what_does_not_exist_is_refused_at_that_place(judge: Judge, requests: BadRequests) -> None:
    refused(judge, requests.unknown_references(), none=requests.service in ("probes", "reporting"))


@pytest.mark.parametrize(
    ("field", "value"), [("month", "2400-01"), ("month", "2501-01"), ("as_of", "2400-01-01T00:00:00Z")]
)
def test_a_report_of_the_future_is_a_422_at_its_place(
    running_stack: RunningStack, world: World, owned: dict[str, str], field: str, value: str
) -> None:
    path = f"/v1/contracts/{owned['contract_id']}"
    values = {"month": owned["month"], "as_of": None, field: value}
    query = {"as_of": value} if field == "as_of" else None
    with running_stack.client("reporting", world.tenant) as http:
        asked = http.get(f"{path}/reports/{values['month']}", params=query)
        shared = http.post(f"{path}/report-links", json=values)
    assert (asked.status_code, shared.status_code) == (422, 422), (asked.text, shared.text)
    assert [error["parameter"] for error in asked.json()["errors"]] == [field]
    assert [error["pointer"] for error in shared.json()["errors"]] == [f"#/{field}"]


def test_ten_megabytes_are_refused_before_they_are_sent(
    running_stack: RunningStack, requests: BadRequests, judge: Judge
) -> None:
    wrongs = []
    for operation in requests.operations:
        attempt = requests.attempt(operation, "ten megabytes", 413)
        status, seconds = answer_to_headers(running_stack, attempt, judge)
        if status != 413 or seconds > AT_ONCE:
            wrongs.append(f"{operation}: {status} after {seconds:.2f} s")
    assert wrongs == []


def answer_to_headers(stack: RunningStack, attempt: Attempt, judge: Judge) -> tuple[int, float]:
    """Announce ten megabytes, send a few bytes and wait for the answer: its status, and after how many seconds."""
    address = urlsplit(stack.url(attempt.operation.service))
    head = [
        f"{attempt.operation.method.upper()} {attempt.path} HTTP/1.1",
        f"Host: {address.netloc}",
        f"Authorization: Bearer {judge.token}",
        "Content-Type: application/json",
        f"Content-Length: {TEN_MEGABYTES}",
    ]
    begun = time.monotonic()
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10) as connection:
        connection.sendall("\r\n".join([*head, "", '{"name": "']).encode())
        status = int(connection.recv(4096).split(b" ", 2)[1])
    return status, time.monotonic() - begun


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in chunks"])
def test_ten_megabytes_that_are_sent_are_a_413(
    running_stack: RunningStack, judge: Judge, requests: BadRequests, announced: bool
) -> None:
    operation = next((one for one in requests.operations if one.media_type), requests.operations[0])
    attempt = requests.attempt(operation, "ten megabytes", 413)
    piece = b"x" * 65536
    content = (
        piece * (TEN_MEGABYTES // len(piece)) if announced else (piece for _ in range(TEN_MEGABYTES // len(piece)))
    )
    answer = httpx.request(
        operation.method,
        running_stack.url(operation.service) + attempt.path,
        headers={"Authorization": f"Bearer {judge.token}", "Content-Type": "application/json"},
        content=content,
        trust_env=False,
    )
    assert answer.status_code == 413
    assert list(not_a_problem(answer)) == []


# Addresses ------------------------------------------------------------------------------------------------------------


def test_an_id_that_nothing_has_is_a_404(judge: Judge, requests: BadRequests) -> None:
    refused(judge, requests.unknown_ids())


def test_a_parameter_that_is_out_of_bounds_is_a_422_that_names_it(judge: Judge, requests: BadRequests) -> None:
    refused(judge, requests.malformed_parameters())


def test_a_parameter_that_cannot_be_stored_is_a_422_that_names_it(judge: Judge, requests: BadRequests) -> None:
    refused(judge, requests.unstorable_addresses())


def test_a_cursor_that_no_list_gave_out_is_refused(judge: Judge, requests: BadRequests) -> None:
    refused(judge, requests.garbage_cursors())


def test_a_cursor_of_another_list_is_a_400(running_stack: RunningStack, thread: ThreadClient) -> None:
    for number in range(2):
        thread.create_client(f"Client {number} of a list")
    cursor = thread.call("GET", "contracts", "/v1/clients", params={"limit": 1}).json()["next_cursor"]
    with pytest.raises(httpx.HTTPStatusError) as refusal:
        thread.get("contracts", "/v1/sites", cursor=cursor)
    assert refusal.value.response.status_code == 400
    assert refusal.value.response.json()["code"] == "invalid-cursor"


def test_a_method_that_an_address_does_not_have_is_a_405_that_allows_the_others(
    judge: Judge, requests: BadRequests
) -> None:
    attempts = list(requests.other_methods())
    refused(judge, iter(attempts))
    with httpx.Client(trust_env=False) as http:
        for attempt in attempts:
            allowed = set(judge.answer(http, attempt).headers["allow"].split(", "))
            assert allowed - {"HEAD", "OPTIONS"} == requests.allowed(attempt.operation.path), str(attempt)


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/no-such-thing", "/v1/../etc/passwd", "/%2e%2e/", "/v1//clients", "/v2/x"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("service", SERVICES)
def test_an_address_that_does_not_exist_is_a_404(
    running_stack: RunningStack, service: str, method: str, path: str
) -> None:
    answer = httpx.request(method, running_stack.url(service) + path, trust_env=False, verify=usual_authorities())
    assert answer.status_code == 404
    assert list(not_a_problem(answer)) == []


# Tokens ---------------------------------------------------------------------------------------------------------------


def test_without_a_token_everything_but_the_public_is_a_401(judge: Judge, requests: BadRequests) -> None:
    refused(judge, requests.with_token("no token", "", 401))


def test_a_token_that_is_none_is_a_401(judge: Judge, requests: BadRequests, world: World) -> None:
    for token in forged(judge.token):
        refused(judge, requests.with_token(f"the token {token[:30]}…", token, 401))


def forged(good: str) -> Iterator[str]:
    """A good token spoiled: garbage, unsigned, changed, by another key, for somebody else."""
    header, claims = jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})
    first, _, signature = good.split(".")
    yield "unexpected"
    yield f"{first}..{signature}"
    yield jwt.encode(claims, "", algorithm="none", headers={"kid": header["kid"], "typ": "at+jwt"})
    yield jwt.encode(claims, "x" * 64, algorithm="HS256", headers={"kid": header["kid"], "typ": "at+jwt"})
    other = jwt.encode(claims | {"tenant_id": str(new_id())}, "", algorithm="none").split(".")[1]
    yield f"{first}.{other}.{signature}"
    # a key of somebody else's, under its own name
    mint = TokenMint(FixedClock(datetime.now(UTC)), issuer=claims["iss"])
    yield mint.mint()
    yield TokenMint(FixedClock(datetime.now(UTC)), issuer="https://issuer.example").mint()


def test_a_token_that_has_expired_is_a_401(
    running_stack: RunningStack, judge: Judge, requests: BadRequests, expired_token: str
) -> None:
    refused(judge, requests.with_token("an expired token", expired_token, 401))


@pytest.fixture(scope="module")
def expired_token(running_stack: RunningStack, world: World) -> str:
    """A token of the world's owner that was issued so long ago that it has just expired."""
    leeway = timedelta(minutes=1)
    running_stack.shift_clock(-TOKEN_LIFETIME - leeway)
    try:
        answer = httpx.post(
            f"{running_stack.contracts_url}/v1/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(world.tenant.client_id, world.tenant.client_secret),
            trust_env=False,
        ).raise_for_status()
    finally:
        running_stack.shift_clock(timedelta())
    return str(answer.json()["access_token"])


def test_a_token_without_the_scope_is_a_403(
    running_stack: RunningStack, judge: Judge, requests: BadRequests, world: World
) -> None:
    with ThreadClient(running_stack, judge.token) as thread:
        key = thread.post("contracts", "/v1/api-keys", {"name": f"Runner {new_id()}", "role": "runner"})
    token = running_stack.token_for(key["prefix"], key["client_secret"])
    refused(judge, requests.with_token("the token of a runner", token, 403))


# State ----------------------------------------------------------------------------------------------------------------


def test_a_change_without_the_right_if_match_is_refused(judge: Judge, requests: BadRequests) -> None:
    refused(judge, requests.preconditions(), none=requests.service == "probes")


STEPS: dict[str, dict[str, Any] | None] = {
    "propose": None,
    "withdraw": None,
    "sign": {"party": "agency", "document_hash": "0" * 64},
    "activate": None,
    "suspend": {"reason": "Two unpaid invoices"},
    "resume": None,
    "terminate": {"reason": "Two unpaid invoices"},
    "amendment": {"price": {"amount": "650.00"}},
    "amendment/withdraw": None,
    "amendment/sign": {"party": "agency", "document_hash": "0" * 64},
    "amendment/apply": None,
}
ALLOWED = {
    "draft": {"propose"},
    "proposed": {"withdraw", "sign"},
    "signed": {"activate", "terminate"},
    "active": {"suspend", "terminate", "amendment"},
    "suspended": {"resume", "terminate"},
    "terminated": set(),
}
"""What product.md allows in which state; every other step is a conflict, also with an amendment that is not there."""


@pytest.mark.parametrize("status", ALLOWED)
def test_an_illegal_step_of_a_contract_is_a_409(
    status: str, running_stack: RunningStack, agency: Tenant, repeatable: Repeatable
) -> None:
    contract_id = repeatable.contract(status)
    with running_stack.client("contracts", agency) as http:
        before = http.get(f"/v1/contracts/{contract_id}").json()
        assert before["status"] == status
        for step, body in STEPS.items():
            if step not in ALLOWED[status]:
                answer = (
                    http.post(f"/v1/contracts/{contract_id}/{step}", json=body)
                    if body
                    else http.post(f"/v1/contracts/{contract_id}/{step}")
                )
                assert answer.status_code == 409, (step, answer.text)
                assert list(not_a_problem(answer)) == []
        if status != "draft":
            answer = http.patch(
                f"/v1/contracts/{contract_id}", json={"price": {"amount": "650.00"}}, headers={"If-Match": "*"}
            )
            assert answer.status_code == 409, answer.text
        assert http.get(f"/v1/contracts/{contract_id}").json() == before


def test_an_illegal_step_of_an_incident_is_a_409(
    running_stack: RunningStack, agency: Tenant, repeatable: Repeatable
) -> None:
    with running_stack.client("incidents", agency) as http:
        incident_id = repeatable.incident()
        closed_too_early = http.post(f"/v1/incidents/{incident_id}/close", json={"note": "Too early"})
        assert closed_too_early.status_code == 409, closed_too_early.text
        for act in ("acknowledge", "resolve", "close"):
            assert http.post(f"/v1/incidents/{incident_id}/{act}", json={"note": "Done"}).status_code == 200
        for act in ("acknowledge", "mitigate", "resolve", "close"):
            answer = http.post(f"/v1/incidents/{incident_id}/{act}", json={"note": "Too late"})
            assert answer.status_code == 409, (act, answer.text)
            assert list(not_a_problem(answer)) == []


# Idempotency ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def repeatable(running_stack: RunningStack, agency: Tenant) -> Iterator[Repeatable]:
    with ThreadClient(running_stack, running_stack.token(agency)) as thread:
        yield Repeatable(thread)


def test_every_operation_with_an_idempotency_key_is_tried(
    every_operation: list[Operation], documents: dict[str, dict[str, Any]], repeatable: Repeatable
) -> None:
    declared = {
        one.operation_id
        for one in every_operation
        if BadRequests([one], documents[one.service], {}).has_header(one, "Idempotency-Key")
    }
    assert declared == set(repeatable_requests(repeatable)) | YEARLY | AFTER_MISSES


@pytest.mark.parametrize("operation_id", repeatable_requests(None))
def test_a_replayed_key_gets_the_first_answer_and_another_request_a_422(
    operation_id: str,
    running_stack: RunningStack,
    agency: Tenant,
    repeatable: Repeatable,
    every_operation: list[Operation],
) -> None:
    operation = next(one for one in every_operation if one.operation_id == operation_id)
    values, body = repeatable_requests(repeatable)[operation_id]()
    path = operation.filled(values)
    headers = {"Idempotency-Key": f'"{new_id()}"', "Content-Type": "application/json"}
    if operation_id in DECIDED:
        headers["Authorization"] = f"Bearer {repeatable.items.decider}"
    if operation_id in outage_decisions.BY_PEOPLE:
        headers["Authorization"] = f"Bearer {repeatable.somebody()}"
    content = b"" if body is None else json.dumps(body).encode()
    with running_stack.client(operation.service, agency) as http:
        first = http.post(path, content=content, headers=headers)
        assert first.is_success, first.text
        assert "idempotency-replayed" not in first.headers
        again = http.post(path, content=content, headers=headers)
        assert again.headers["idempotency-replayed"] == "true"
        assert (again.status_code, again.content) == (first.status_code, first.content)
        for name in ("etag", "location", "content-type"):
            assert again.headers.get(name) == first.headers.get(name)
        narrowed = http.post(path, content=content, headers=headers | narrow(running_stack, agency))
        assert narrowed.status_code == 403, "the first answer is for a token that may ask"
        for other in (
            json.dumps({**(body or {}), "unexpected_field": 1}).encode(),
            json.dumps(body or {}).encode() + b" ",
        ):
            answer = http.post(path, content=other, headers=headers)
            assert answer.status_code == 422, answer.text
            assert answer.json()["code"] == "idempotency-key-reused"
            assert list(not_a_problem(answer)) == []


def narrow(running_stack: RunningStack, tenant: Tenant) -> dict[str, str]:
    """The header with a token of the tenant's owner that may only read reports: none of these operations is for it."""
    answer = httpx.post(
        f"{running_stack.contracts_url}/v1/oauth/token",
        data={"grant_type": "client_credentials", "scope": "reports:read"},
        auth=(tenant.client_id, tenant.client_secret),
        trust_env=False,
        verify=usual_authorities(),
    ).raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_an_idempotency_key_that_is_none_is_a_400(judge: Judge, requests: BadRequests) -> None:
    refused(judge, requests.malformed_idempotency_keys(), none=requests.service in ("probes", "reporting"))


def test_a_key_belongs_to_whoever_sent_it(running_stack: RunningStack, agency: Tenant, world: World) -> None:
    headers = {"Idempotency-Key": f'"{new_id()}"'}
    made = set()
    for tenant in (agency, world.tenant):
        with running_stack.client("contracts", tenant) as http:
            answer = http.post("/v1/clients", json={"name": "Client of everybody"}, headers=headers)
            assert answer.status_code == 201
            assert "idempotency-replayed" not in answer.headers
            made.add(answer.json()["client_id"])
    assert len(made) == 2
