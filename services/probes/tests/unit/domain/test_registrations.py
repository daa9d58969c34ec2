"""What a registry says: read as far as it goes, and the right server asked."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from probes.domain.registrations import Registration, registration_of, server_for, with_manual_date

DOCUMENT: dict[str, Any] = {
    "objectClassName": "domain",
    "status": ["Active", "client transfer prohibited"],
    "events": [
        {"eventAction": "registration", "eventDate": "2010-03-01T00:00:00Z"},
        {"eventAction": "expiration", "eventDate": "2027-03-01T02:00:00+02:00"},
    ],
    "entities": [
        {"roles": ["technical"], "vcardArray": ["vcard", [["fn", {}, "text", "Somebody"]]]},
        {
            "roles": ["registrar"],
            "vcardArray": ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "R SAS"]]],
        },
    ],
}


def test_the_date_the_registrar_and_the_state_are_read() -> None:
    found = registration_of(DOCUMENT)
    assert found == Registration(
        datetime(2027, 3, 1, tzinfo=UTC), "R SAS", ("active", "client transfer prohibited"), "registry"
    )


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"events": None, "entities": 3, "status": "active"},
        {"events": ["expiration", {"eventAction": "expiration"}, {"eventAction": "expiration", "eventDate": "soon"}]},
        {"entities": [{"roles": ["registrar"]}, {"roles": ["registrar"], "vcardArray": ["vcard", [["fn"], 7]]}, None]},
    ],
)
def test_what_is_not_said_or_makes_no_sense_is_left_empty(document: dict[str, Any]) -> None:
    assert registration_of(document) == Registration(None, None, ())


def test_a_date_without_an_offset_is_taken_as_utc() -> None:
    found = registration_of({"events": [{"eventAction": "expiration", "eventDate": "2027-03-01T00:00:00"}]})
    assert found.expires_at == datetime(2027, 3, 1, tzinfo=UTC)


def test_a_date_that_somebody_entered_counts_only_where_the_registry_says_none() -> None:
    day, published = date(2027, 1, 1), registration_of(DOCUMENT)
    assert with_manual_date(published, day) is published
    assert with_manual_date(None, None) is None
    silent = Registration(None, "R SAS", ("active",))
    assert with_manual_date(silent, None) is silent
    entered = datetime(2027, 1, 1, tzinfo=UTC)
    assert with_manual_date(silent, day) == Registration(entered, "R SAS", ("active",), "manual")
    assert with_manual_date(None, day) == Registration(entered, None, (), "manual")


def test_the_server_of_the_longest_match_is_asked_over_a_secured_connection() -> None:
    bootstrap = {
        "services": [
            [["fr", "RE"], ["http://rdap.example/", "https://rdap.example/v1"]],
            [["co.fr"], ["https://other.example/"]],
            [["broken"]],
            "nonsense",
            [["none"], []],
        ]
    }
    assert server_for(bootstrap, "hotel.fr") == "https://rdap.example/v1/"
    assert server_for(bootstrap, "hotel.re") == "https://rdap.example/v1/"
    assert server_for(bootstrap, "hotel.co.fr") == "https://other.example/"
    assert server_for(bootstrap, "hotel.none") is None
    assert server_for({}, "hotel.fr") is None
