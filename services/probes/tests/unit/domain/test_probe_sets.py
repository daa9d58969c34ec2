"""What a contract has watched beside the answer of its sites."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from probes.domain.certificates import warn_days_of
from probes.domain.monitors import (
    CERTIFICATE_MONITORING,
    HOURLY,
    UPTIME_MONITORING,
    USUAL,
    Environment,
    ProbeSet,
    Promise,
    Source,
    secured_server,
    wanted_monitors,
)


def promise(*urls: str | None) -> Promise:
    environments = tuple(Environment(uuid4(), uuid4(), f"environment {n}", url, True) for n, url in enumerate(urls))
    return Promise(
        tenant_id=uuid4(),
        client_id=uuid4(),
        contract_id=uuid4(),
        version=1,
        status="active",
        effective_from=datetime(2026, 6, 8, tzinfo=UTC),
        probe_sets=(ProbeSet(CERTIFICATE_MONITORING, HOURLY, {"warn_days": [14, 60]}),),
        environments=environments,
    )


def test_certificates_are_watched_wherever_there_is_one_and_never_count_for_the_agreement() -> None:
    found = wanted_monitors(promise("https://hotel.example/", "http://hotel.example/", None, "https://h.example:8443"))
    documents = [dict(wanted.subject.configuration) for wanted in found.values()]
    assert documents == [
        {"kind": "tls", "host": "hotel.example", "port": 443, "warn_days": [60, 14]},
        {"kind": "tls", "host": "h.example", "port": 8443, "warn_days": [60, 14]},
    ]
    assert not any(wanted.subject.counts_for_sla or wanted.subject.measures_availability for wanted in found.values())


def test_the_page_of_an_environment_measures_its_availability_before_it_counts_and_what_people_add_never_does() -> None:
    home = Environment(uuid4(), uuid4(), "production", "https://hotel.example/", False)
    asked = replace(promise(), probe_sets=(ProbeSet(UPTIME_MONITORING, USUAL),), environments=(home,))
    counting = replace(asked, environments=(replace(home, counts_for_sla=True),))
    for each, counts in ((asked, False), (counting, True)):
        (wanted,) = wanted_monitors(each).values()
        assert (wanted.subject.counts_for_sla, wanted.subject.measures_availability) == (counts, True)
        added = replace(wanted.subject, source=Source.ADDED, counts_for_sla=False)
        assert not added.measures_availability


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://hotel.example/path?x", ("hotel.example", 443)),
        ("HTTPS://HOTEL.example:8443", ("hotel.example", 8443)),
        ("https://[2001:db8::1]/", ("[2001:db8::1]", 443)),
        ("http://hotel.example/", None),
        ("https:///nowhere", None),
        ("app://hotel", None),
        (None, None),
    ],
)
def test_the_server_of_a_secured_address(url: str | None, server: tuple[str, int] | None) -> None:
    assert secured_server(url) == server


@pytest.mark.parametrize(
    ("said", "days"),
    [([7, 60, 7], [60, 7]), ([], [30, 14, 7]), (None, [30, 14, 7]), ("60", [30, 14, 7]), ([0, "3", 9999], [30, 14, 7])],
)
def test_thresholds_are_those_that_make_sense_or_the_usual_ones(said: object, days: list[int]) -> None:
    assert warn_days_of(said) == days
