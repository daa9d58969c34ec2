"""One canonical text, its hash, and the signatures that it needs."""

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.agreement import (
    NotBinding,
    Party,
    Signature,
    SignatureRefused,
    canonical,
    check_binding,
    check_signature,
    end_of,
    fingerprint,
    missing_signatures,
)

AT = datetime(2026, 6, 8, 9, tzinfo=UTC)
TEXT = canonical({"price": "600.00"})
HASH = fingerprint(TEXT)

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def signed(party: Party, document_hash: str = HASH) -> Signature:
    return Signature(party, "Somebody", AT, document_hash)


@given(st.dictionaries(st.text(max_size=5), documents, max_size=4))
def test_the_canonical_text_says_the_same_and_does_not_depend_on_the_order_of_keys(document: dict[str, object]) -> None:
    text = canonical(document)
    assert json.loads(text) == document
    assert canonical(dict(reversed(document.items()))) == text


def test_the_hash_is_that_of_the_published_example() -> None:
    assert canonical({"b": "é", "a": [1, None, True]}) == '{"a":[1,null,true],"b":"é"}'
    assert fingerprint("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("document", [{"a": 0.1}, {"a": [{"b": 1.0}]}, {"a": float("nan")}])
def test_a_binary_fraction_has_no_canonical_text(document: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        canonical(document)


def test_a_contract_binds_when_both_parties_signed_exactly_the_stored_text() -> None:
    check_binding(TEXT, HASH, [signed("agency"), signed("client")])


@pytest.mark.parametrize(
    "signatures",
    [
        [],
        [signed("agency")],
        [signed("agency"), signed("agency")],
        [signed("agency"), signed("client", "0" * 64)],
    ],
)
def test_a_missing_signature_or_one_of_another_text_binds_nobody(signatures: list[Signature]) -> None:
    with pytest.raises(NotBinding):
        check_binding(TEXT, HASH, signatures)


def test_a_changed_text_binds_nobody_whoever_signed() -> None:
    with pytest.raises(NotBinding):
        check_binding(TEXT.replace("600", "60"), HASH, [signed("agency"), signed("client")])


def test_a_party_signs_what_it_read_and_signs_once() -> None:
    check_signature("client", HASH, HASH, [signed("agency")])
    with pytest.raises(SignatureRefused):
        check_signature("client", "0" * 64, HASH, [])
    with pytest.raises(SignatureRefused):
        check_signature("client", HASH, HASH, [signed("client")])
    assert missing_signatures([signed("client")], HASH) == ("agency",)


@pytest.mark.parametrize(
    ("ends_on", "zone", "instant"),
    [
        (date(2026, 6, 30), "Europe/Paris", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        (date(2026, 12, 31), "Europe/Paris", datetime(2026, 12, 31, 23, tzinfo=UTC)),
        (date(2026, 6, 30), "Pacific/Kiritimati", datetime(2026, 6, 30, 10, tzinfo=UTC)),
        # Midnight of 2018-11-04 did not exist in São Paulo: the day began at 01:00 summer time, 03:00 UTC.
        (date(2018, 11, 3), "America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ],
)
def test_a_contract_ends_at_the_midnight_after_its_last_day(ends_on: date, zone: str, instant: datetime) -> None:
    assert end_of(ends_on, zone) == instant


def test_a_contract_without_a_last_day_does_not_end() -> None:
    assert end_of(None, "Europe/Paris") is None
