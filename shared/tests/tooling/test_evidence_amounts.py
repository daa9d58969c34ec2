"""The verifier of evidence packs computes settlements and hours as contracts does, and neither knows of the other."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from contracts.application.hours_terms import agreed_hours as domain_hours
from contracts.application.settlements import (
    SettledPeriod,
    SettledTerms,
    SettlementContent,
    shown_commitments,
    shown_lines,
    shown_totals,
)
from contracts.domain import contract_hours, settlement
from contracts.domain.billing_periods import BillingPeriod, instants_of
from contracts.domain.contract_term import Days
from contracts.domain.hours_ledger import Lot, draw_month
from contracts.domain.liability import Decision
from contracts.domain.pricing import DurationPrice, FlatFee, ShareOfSalePrice, TimePrice
from reporting.adapters.evidence_verifier import EVENTS, LINE, SAID, Doubt, Settled, hours_figures
from shared.ids import new_id
from shared.kernel.money import Money
from shared.values import instant_text

PARIS: Final = ZoneInfo("Europe/Paris")
OCTOBER: Final = Days(date(2026, 10, 1), date(2026, 11, 1))
"""The clocks of Paris go back in it."""
WHOLE: Final = instants_of(OCTOBER, PARIS)
CONTRACT, CLIENT, SETTLEMENT = (str(new_id()) for _ in range(3))
SIGNED: Final = datetime(2026, 11, 2, 9, tzinfo=UTC)

percents = st.sampled_from(["5", "10", "12.5", "33.3", "100"])
instants = st.integers(0, int((WHOLE.end - WHOLE.start) / timedelta(minutes=5)) - 1).map(
    lambda steps: WHOLE.start + timedelta(minutes=5 * steps)
)


def spoken(kind: str, aggregate_id: object, at: datetime, data: Mapping[str, Any], version: int = 1) -> dict[str, Any]:
    """An event as the bus carries it, as far as the verifier reads it."""
    service, aggregate, _ = kind.split(".")
    return {
        "id": str(new_id()),
        "source": f"/services/{service}",
        "subject": f"{aggregate}/{aggregate_id}",
        "type": f"dev.upheld.{kind}.v1",
        "time": instant_text(at),
        "aggregateversion": version,
        "data": dict(data),
    }


@st.composite
def remedies(draw: st.DrawFn) -> dict[str, Any]:
    """What missed promises cost, as events of the contract tell it."""
    return {
        "tiers": draw(
            st.sampled_from(
                [
                    [],
                    [{"below": None, "credit_percent": "10"}],
                    [{"below": None, "credit_percent": "10"}, {"below": "99.0", "credit_percent": "25"}],
                    [{"below": None, "credit_percent": "7"}, {"below": "99.9", "credit_percent": "8"}],
                ]
            )
        ),
        "targets": [
            {
                "metric": metric,
                "severity": severity,
                "unit": draw(st.sampled_from(["PT1H", "PT30M", "PT0.5S"])),
                "percent_per_started_unit": draw(percents),
                "cap_percent": draw(st.none() | percents),
            }
            for metric, severity in (("response", None), ("response", "critical"), ("repair", "minor"))
            if draw(st.booleans())
        ],
        "late": draw(
            st.none() | st.just({"divisor": 1000, "exempt_up_to": "300.00", "cap_percent": draw(st.none() | percents)})
        ),
        "cumulation": draw(st.sampled_from(["sum", "max"])),
        "cap_percent": draw(st.none() | percents),
    }


def domain_remedies(told: Mapping[str, Any], target: str | None) -> settlement.Remedies:
    late = told["late"]

    def number(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    lengths = {"PT1H": timedelta(hours=1), "PT30M": timedelta(minutes=30), "PT0.5S": timedelta(milliseconds=500)}
    return settlement.Remedies(
        uptime_target=number(target),
        tiers=tuple(
            settlement.CreditTier(number(each["below"]), Decimal(each["credit_percent"])) for each in told["tiers"]
        ),
        penalties=tuple(
            settlement.PenaltyRate(
                each["metric"],
                each["severity"],
                lengths[each["unit"]],
                Decimal(each["percent_per_started_unit"]),
                number(each["cap_percent"]),
            )
            for each in told["targets"]
        ),
        late=None
        if late is None
        else settlement.LateRule(late["divisor"], number(late["exempt_up_to"]), number(late["cap_percent"])),
        cumulation=told["cumulation"],
        cap_percent=number(told["cap_percent"]),
    )


@st.composite
def held(draw: st.DrawFn) -> list[tuple[settlement.InForce, dict[str, Any]]]:
    """What was in force in October, each with the state that the contract's event tells of it."""
    begins = draw(st.sampled_from([WHOLE.start - timedelta(days=9), WHOLE.start + timedelta(days=3, hours=11)]))
    cuts = sorted({begins, *(at for at in draw(st.lists(instants, max_size=3)) if at > begins)})
    model = draw(st.sampled_from(["flat", "flat", "flat", "share", "duration", "none"]))
    found: list[tuple[settlement.InForce, dict[str, Any]]] = []
    for number, (start, end) in enumerate(zip(cuts, [*cuts[1:], WHOLE.end + timedelta(microseconds=1)], strict=True)):
        signed = Decimal(draw(st.sampled_from(["600.00", "433.33"])))
        revised = Decimal("612.34") if model == "flat" and number and draw(st.booleans()) else None
        prices: dict[str, TimePrice] = {
            "flat": FlatFee(signed),
            "share": ShareOfSalePrice(Decimal("15"), Decimal("20001.00")),
            "duration": DurationPrice(Decimal("1000.00"), 7),
        }
        price = prices.get(model)
        target = draw(st.sampled_from([None, "99.9"]))
        costs = draw(remedies())
        suspended = bool(number) and draw(st.booleans())
        document = f"{number:064x}"
        if revised is not None and draw(st.booleans()):  # the index revises what was signed already
            before = found[-1]
            document, signed = before[0].source, Decimal(before[1]["agreed"])
            price = FlatFee(signed)
        state = {
            "contract_id": CONTRACT,
            "version": number + 2,
            "status": "suspended" if suspended else "active",
            "effective_from": instant_text(start),
            "client": {"time_zone": "Europe/Paris"},
            "price": {"amount": format(signed if revised is None else revised, "f"), "currency": "EUR"},
            "agreed": format(signed, "f"),
            "signature": {"version_hash": document},
            "uptime": None if target is None else {"target_percent": target},
            "remedies": costs,
        }
        terms = settlement.Terms(
            plan="premium",
            plan_name={"fr": "Premium", "en": "Premium"},
            currency="EUR",
            price=price,
            revised=revised,
            remedies=domain_remedies(costs, target),
            default_tax=draw(st.sampled_from([None, settlement.Tax("S", Decimal("20"))])),
            taxes={"penalty": settlement.Tax("O", Decimal("0"))},
        )
        whole_day = start.astimezone(PARIS).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        stretch = settlement.InForce(
            start=whole_day if not number else start,
            end=end,
            terms=terms,
            source=document,
            fee_part=Fraction(draw(st.sampled_from([0, 50, 100]))) / 100 if suspended else Fraction(1),
            suspended=suspended,
        )
        found.append((stretch, state))
    return found


def breach(clock_id: str, breach_id: str, version: int, percent: int, at: datetime) -> dict[str, Any]:
    """What the register of breaches tells of a miss; from its second version on somebody has decided on it."""
    decided_at = instant_text(at) if version > 1 else None
    told = {"breach_id": breach_id, "clock_id": clock_id, "clock_count": 1, "provider_percent": percent}
    return spoken("contracts.breach.recorded", breach_id, at, told | {"decided_at": decided_at}, version)


@st.composite
def left_out(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What was told of a clock that was missed in October for a while, and of which its item told something else last.

    `why` is for the test.
    """
    why = draw(st.sampled_from([None, "taken_back", "other_period"]))
    if why is None:
        return []
    clock_id, item_id, at = str(new_id()), str(new_id()), instant_text(draw(instants))
    clock = {"clock_id": clock_id, "metric": "repair", "target_seconds": 60, "elapsed_seconds": 61}
    state, moved = ("running", at) if why == "taken_back" else ("breached", instant_text(WHOLE.end))
    reading = clock | {"state": state, "breach_after": moved, "clock_version": 1}
    own = clock | {"contract_id": CONTRACT, "incident_id": item_id, "at": at, "why": why}
    item = {"contract_id": CONTRACT, "clocks": [reading], "severity": "minor"}
    return [
        spoken("incidents.clock.breached", clock_id, SIGNED, own),
        spoken("incidents.incident.changed", item_id, SIGNED, item),
    ]


Happened = tuple[settlement.Facts, dict[str, dict[str, Any]]]


@st.composite
def happened(draw: st.DrawFn) -> Happened:
    """What happened in October, and the events that tell it."""
    events: list[dict[str, Any]] = []
    uptime, clocks = [], []
    for number in range(draw(st.integers(0, 2))):
        end = draw(instants | st.just(WHOLE.end))
        up, counted = draw(st.integers(985_000, 1_000_000)), 1_000_000
        figure = {
            "environment_id": str(new_id()),
            "counts_for_sla": True,
            "starts_at": instant_text(WHOLE.start),
            "ends_at": instant_text(end),
            "numerator": up,
            "denominator": counted,
            "units_per_second": 7,
        }
        if end == WHOLE.start:
            continue
        data = {"measurement_id": str(new_id()), "contract_id": CONTRACT, "figures": [figure]}
        events.append(spoken("reporting.uptime.period_measured", number, SIGNED, data))
        uptime.append(
            settlement.UptimeFact(
                id=f"{data['measurement_id']}:{figure['environment_id']}:{WHOLE.start:%Y-%m-%dT%H:%M:%SZ}",
                subject=f"site {number}",
                start=WHOLE.start,
                end=end,
                up_seconds=Fraction(up, 7),
                counted_seconds=Fraction(counted, 7),
                coverage_percent="100.00",
                events=(events[-1]["id"],),
            )
        )
    for number in range(draw(st.integers(0, 4))):
        clock_id, target = str(new_id()), 1800
        missed = draw(st.booleans())
        elapsed = target + draw(st.integers(1, 40_000)) if missed else draw(st.integers(0, target))
        item_id, at = str(new_id()), draw(instants)
        metric, severity = draw(st.sampled_from(["response", "repair"])), draw(st.sampled_from(["critical", "minor"]))
        clock = {"clock_id": clock_id, "metric": metric, "target_seconds": target, "elapsed_seconds": elapsed}
        own = clock | {"contract_id": CONTRACT, "incident_id": item_id, "at": instant_text(at)}
        told = [spoken("incidents.clock.breached" if missed else "incidents.clock.met", clock_id, SIGNED, own)]
        if draw(st.booleans()):
            reading = clock | {"breach_after": instant_text(at) if missed else None, "clock_version": 1}
            reading |= {"state": "breached" if missed else "met"}
            item = {"contract_id": CONTRACT, "clocks": [reading], "severity": severity}
            told[0]["data"]["elapsed_seconds"] = min(elapsed, target + 1)
            told.append(spoken("incidents.incident.resolved", item_id, SIGNED, item))
        events += told
        decision, breach_id = None, str(new_id())
        if missed:
            shares = [100, *draw(st.lists(st.sampled_from([0, 60]), max_size=2))]
            if len(shares) > 1:
                decision = Decision(
                    Decimal(shares[-1]), Decimal(90 - shares[-1]), SIGNED, "Nadia", "No access", Decimal(10)
                )
            after = SIGNED + timedelta(days=1)  # what is decided later is in no settlement that was closed before
            for version, (percent, when) in enumerate([*((each, SIGNED) for each in shares), (30, after)], start=1):
                events.append(breach(clock_id, breach_id, version, percent, when))
        clocks.append(
            settlement.ClockFact(
                id=clock_id,
                item=f"INC-{number}",
                metric=metric,
                severity=severity,
                at=at,
                missed=missed,
                overrun=timedelta(seconds=max(elapsed - target, 0)),
                target=timedelta(seconds=target),
                decision=decision,
                events=(*(each["id"] for each in told), *((breach_id,) if missed else ())),
            )
        )
    events += draw(left_out())
    late = [
        settlement.LateFact(
            id=str(new_id()),
            title={"fr": "Recette", "en": "Test"},
            value=Money(Decimal("12000.00"), "EUR"),
            since=WHOLE.start - timedelta(days=draw(st.integers(0, 40))),
            at=draw(instants),
        )
        for _ in range(draw(st.integers(0, 1)))
    ]
    overage = []
    if draw(st.booleans()):
        minutes = draw(st.integers(1, 500))
        amount = Money.rounded(Fraction(minutes, 60) * 90, "EUR")
        month = {
            "contract_id": CONTRACT,
            "month": "2026-10-01",
            "billed_minutes": minutes,
            "overage_amount": {"amount": amount.text, "currency": "EUR"},
        }
        events.append(spoken("contracts.hours_month.closed", new_id(), SIGNED, month))
        overage.append(settlement.OverageFact("ledger", minutes, Decimal("90.00"), amount, date(2026, 10, 1)))
    by_hand = [
        settlement.AdjustmentFact(str(new_id()), "Geste", Decimal("-50.00"), "Nadia", SIGNED)
        for _ in range(draw(st.integers(0, 1)))
    ]
    facts = settlement.Facts(uptime=uptime, clocks=clocks, late=late, overage=overage, adjustments=by_hand)
    return facts, {each["id"]: each for each in events}


def closed(
    known: Sequence[tuple[settlement.InForce, Mapping[str, Any]]], told: Happened
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The settlement of October as contracts closes and tells it, and every event that it rests on."""
    facts, events = told
    period = BillingPeriod(9, OCTOBER, OCTOBER)
    settled = settlement.settle(period, PARIS, "EUR", [stretch for stretch, _ in known], facts)
    content = SettlementContent(
        settlement_id=UUID(SETTLEMENT),
        number=1,
        contract_id=UUID(CONTRACT),
        contract_number="C-2026-0001",
        client_id=UUID(CLIENT),
        currency="EUR",
        period=SettledPeriod(
            number=9,
            first=OCTOBER.first,
            end=OCTOBER.end,
            starts_at=WHOLE.start,
            ends_at=WHOLE.end,
            time_zone="Europe/Paris",
        ),
        terms=[
            SettledTerms(
                starts_at=max(datetime.fromisoformat(state["effective_from"]), WHOLE.start),
                ends_at=min(stretch.end, WHOLE.end),
                document_hash=stretch.source,
                plan_code="premium",
                suspended=stretch.suspended,
            )
            for stretch, state in known
            if stretch.start < WHOLE.end and stretch.end > WHOLE.start
        ],
        lines=shown_lines(settled),
        totals=shown_totals(settled),
        deliverables=[],
        commitments=shown_commitments(settled),
        shared_responsibility=[],
        refused_advice=[],
        unpriced_tickets=[],
        corrects=None,
        delta=None,
    ).model_dump(mode="json")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    data = {
        "contract_id": CONTRACT,
        "settlement_id": SETTLEMENT,
        "number": 1,
        "hash": sha256(text.encode()).hexdigest(),
        "computed_at": instant_text(SIGNED),
        "settlement": content,
    }
    said = spoken("contracts.settlement.closed", SETTLEMENT, SIGNED + timedelta(hours=1), data)
    versions = [
        spoken("contracts.contract.amended", CONTRACT, datetime.fromisoformat(state["effective_from"]), state, number)
        for number, (_, state) in enumerate(known)
    ]
    return said, events | {each["id"]: each for each in (said, *versions)}


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(known=held(), told=happened())
def test_a_settlement_comes_to_the_same_there(
    known: list[tuple[settlement.InForce, dict[str, Any]]], told: Happened
) -> None:
    said, events = closed(known, told)
    figures = Settled(said, events).figures()
    content = said["data"]["settlement"]
    kinds = {line["code"]: line["kind"] for line in content["lines"]}
    levels = {(kinds[line["code"]], line["follows_from"]) for line in figures["lines"]}
    for kind, level in levels:
        event(f"{kind} follows from {level}")
    assert {level for kind, level in levels if kind == "adjustment"} <= {SAID}
    assert {level for kind, level in levels if kind != "adjustment"} <= {EVENTS, LINE}
    assert figures["gross"] == content["totals"]["gross"]
    whys = {each["data"]["clock_id"]: each["data"]["why"] for each in events.values() if "why" in each["data"]}
    assert {each["clock"]: each["reason"] for each in figures["clocks_left_out"]} == whys
    assert not figures["told_since"]


SIX_HUNDRED: Final = FlatFee(Decimal("600.00"))


def plain(
    told: Happened | None = None, price: TimePrice = SIX_HUNDRED, untaxed_since: datetime | None = None
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """October at 600 euros, with 10 % back below 99.9 %, 5 % for each late hour, and nothing else."""
    costs = {
        "tiers": [{"below": None, "credit_percent": "10"}],
        "targets": [
            {
                "metric": "response",
                "severity": None,
                "unit": "PT1H",
                "percent_per_started_unit": "5",
                "cap_percent": None,
            }
        ],
        "late": None,
        "cumulation": "sum",
        "cap_percent": None,
    }
    state = {
        "contract_id": CONTRACT,
        "version": 2,
        "status": "active",
        "effective_from": "2026-09-01T00:00:00Z",
        "client": {"time_zone": "Europe/Paris"},
        "price": {"amount": "600.00", "currency": "EUR"},
        "signature": {"version_hash": "0" * 64},
        "uptime": {"target_percent": "99.9"},
        "remedies": costs,
    }
    terms = settlement.Terms(
        plan="premium",
        plan_name={"fr": "Premium", "en": "Premium"},
        currency="EUR",
        price=price,
        remedies=domain_remedies(costs, "99.9"),
        default_tax=settlement.Tax("S", Decimal("20")),
    )
    stretch = settlement.InForce(
        datetime(2026, 9, 1, tzinfo=UTC), WHOLE.end + timedelta(days=1), terms, source="0" * 64
    )
    known = [(stretch, state)]
    if untaxed_since is not None:
        amended = state | {
            "version": 3,
            "effective_from": instant_text(untaxed_since),
            "signature": {"version_hash": "1" * 64},
        }
        later = replace(stretch, start=untaxed_since, terms=replace(terms, default_tax=None), source="1" * 64)
        known = [(replace(stretch, end=untaxed_since), state), (later, amended)]
    return closed(known, told or missed())


def missed() -> Happened:
    """An uptime of 99.5 % and a response that was 90 minutes late."""
    figure = {
        "environment_id": str(new_id()),
        "counts_for_sla": True,
        "starts_at": instant_text(WHOLE.start),
        "ends_at": instant_text(WHOLE.end),
        "numerator": 995,
        "denominator": 1000,
        "units_per_second": 1,
    }
    measured = {"measurement_id": str(new_id()), "contract_id": CONTRACT, "figures": [figure]}
    uptime = spoken("reporting.uptime.period_measured", 1, SIGNED, measured)
    at = WHOLE.start + timedelta(days=3)
    clock = {"clock_id": str(new_id()), "metric": "response", "target_seconds": 1800, "elapsed_seconds": 7200}
    reading = clock | {"breach_after": instant_text(at), "state": "breached", "clock_version": 0}
    told = {"contract_id": CONTRACT, "clocks": [reading], "severity": "critical"}
    item = spoken("incidents.incident.resolved", new_id(), SIGNED, told)
    facts = settlement.Facts(
        uptime=[
            settlement.UptimeFact(
                f"{measured['measurement_id']}:{figure['environment_id']}:{WHOLE.start:%Y-%m-%dT%H:%M:%SZ}",
                *("production", WHOLE.start, WHOLE.end, Fraction(995), Fraction(1000), "100.00", (uptime["id"],)),
            )
        ],
        clocks=[
            settlement.ClockFact(
                *(str(clock["clock_id"]), "INC-1", "response", "critical", at, True),
                overrun=timedelta(minutes=90),
                target=timedelta(minutes=30),
                events=(item["id"],),
            )
        ],
    )
    return facts, {each["id"]: each for each in (uptime, item)}


def closed_anew(said: dict[str, Any], events: Mapping[str, dict[str, Any]]) -> Settled:
    """What the verifier says of it when whoever changed it made the hash anew."""
    text = json.dumps(said["data"]["settlement"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    said["data"]["hash"] = sha256(text.encode()).hexdigest()
    return Settled(said, {**events, said["id"]: said})


def test_credit_and_penalty_follow_from_the_uptime_the_clock_and_the_rule_of_the_contract() -> None:
    said, events = plain()
    figures = Settled(said, events).figures()
    assert [(line["amount"], line["follows_from"]) for line in figures["lines"]] == [
        ("600.00", EVENTS),
        ("-60.00", EVENTS),
        ("-60.00", EVENTS),
    ]
    assert (figures["net"], figures["tax"], figures["gross"]) == ("480.00", "96.00", "576.00")


@pytest.mark.parametrize(
    "price", [ShareOfSalePrice(Decimal("15"), Decimal("20001.00")), DurationPrice(Decimal("1000.00"), 7)]
)
def test_the_instalment_of_a_month_is_what_credits_are_parts_of_though_its_tax_changed_within_it(
    price: TimePrice,
) -> None:
    said, events = plain(price=price, untaxed_since=WHOLE.start + timedelta(minutes=5))
    fees = [line for line in said["data"]["settlement"]["lines"] if line["kind"] == "fee"]
    credited = [line["amount"] for line in said["data"]["settlement"]["lines"] if line["code"] == "credit:uptime"]
    assert (len(fees), len(credited)) == (2, 1)
    assert [each["amount"] for each in Settled(said, events).figures()["lines"] if each["code"] == "credit:uptime"] == (
        credited
    )


def test_amounts_that_events_do_not_give_are_found_however_well_they_add_up() -> None:
    def totals(content: Any, net: str, tax: str, gross: str) -> None:
        content["totals"] |= {"net": net, "tax": tax, "gross": gross}
        content["totals"]["by_tax"][0] |= {"net": net, "tax_amount": tax}

    def dearer(content: Any, _: Any) -> None:
        content["lines"][0] |= {"amount": "660.00"}
        content["lines"][0]["why"] |= {"monthly": "660"}
        totals(content, "540.00", "108.00", "648.00")

    def no_credit(content: Any, _: Any) -> None:
        del content["lines"][1]
        totals(content, "540.00", "108.00", "648.00")

    def a_better_uptime(content: Any, _: Any) -> None:
        content["commitments"][0]["why"]["up_seconds"] = "1000"
        no_credit(content, _)

    def less_late(content: Any, _: Any) -> None:
        content["commitments"][1]["measured"] = "3600"
        content["lines"][2] |= {"amount": "-30.00"}
        totals(content, "510.00", "102.00", "612.00")

    def less_tax(content: Any, _: Any) -> None:
        totals(content, "480.00", "96.01", "576.01")

    def another_rule(_: Any, events: Any) -> None:
        (version,) = [each for each in events.values() if each["subject"].startswith("contract/")]
        version["data"]["remedies"]["tiers"][0]["credit_percent"] = "5"

    def no_measurement(_: Any, events: Any) -> None:
        for event_id in [each["id"] for each in events.values() if each["subject"].startswith("uptime/")]:
            del events[event_id]

    def another_document(_: Any, events: Any) -> None:
        (version,) = [each for each in events.values() if each["subject"].startswith("contract/")]
        version["data"]["signature"]["version_hash"] = "1" * 64

    for change, reason in (
        (dearer, "the contract said otherwise"),
        (no_credit, "not what the contract gives"),
        (a_better_uptime, "another one than was measured"),
        (less_late, "another one than its clock told"),
        (less_tax, "not those of its lines"),
        (another_rule, "not what the contract gives"),
        (no_measurement, "No event tells of the uptime"),
        (another_document, "another document"),
    ):
        said, events = plain()
        content = said["data"]["settlement"]
        assert [each["kind"] for each in content["commitments"]] == ["uptime", "response"]
        change(content, events)
        with pytest.raises(Doubt, match=reason):
            closed_anew(said, events)


def test_an_uptime_that_is_left_out_superseded_or_there_twice_is_found_though_the_lines_follow() -> None:
    def nothing_was_measured(content: Any, _: Any) -> None:
        content["commitments"], content["lines"] = [], content["lines"][:1]
        content["totals"] |= {"net": "600.00", "tax": "120.00", "gross": "720.00"}
        content["totals"]["by_tax"][0] |= {"net": "600.00", "tax_amount": "120.00"}

    def twice(content: Any, _: Any) -> None:
        content["commitments"].insert(0, content["commitments"][0])

    def measured_again(hours: int) -> Any:
        def change(_: Any, events: Any) -> None:
            (first,) = [each for each in events.values() if each["subject"].startswith("uptime/")]
            at = instant_text(SIGNED + timedelta(hours=hours))
            again = first | {"id": str(new_id()), "aggregateversion": 2, "time": at}
            events[again["id"]] = again

        return change

    for change in (nothing_was_measured, twice, measured_again(0)):
        said, events = plain()
        change(said["data"]["settlement"], events)
        with pytest.raises(Doubt, match="An uptime that counts"):
            closed_anew(said, events)
    for hours, since in ((1, 1), (2, 0)):  # after it was computed, and after it was closed: for a correction
        said, events = plain()
        measured_again(hours)(said["data"]["settlement"], events)
        assert len(closed_anew(said, events).figures()["told_since"]) == since


def test_a_clock_of_another_severity_kind_or_instant_than_was_told_is_found() -> None:
    def less_severe(content: Any, _: Any) -> None:
        content["commitments"][1]["why"]["severity"] = "minor"

    def severer_since(content: Any, events: Any) -> None:
        (item,) = [each for each in events.values() if each["subject"].startswith("incident/")]
        again = item | {"id": str(new_id()), "aggregateversion": 2, "data": item["data"] | {"severity": "minor"}}
        events[again["id"]] = again

    def before_it_was_promised(content: Any, _: Any) -> None:
        content["commitments"][1]["at"] = "2026-10-01T00:00:00Z"

    def another_kind(content: Any, _: Any) -> None:
        content["commitments"][1]["kind"] = "repair"

    def no_item(_: Any, events: Any) -> None:
        (item,) = [each for each in events.values() if each["subject"].startswith("incident/")]
        del events[item["id"]]

    for change, reason in (
        (less_severe, "The severity of INC-1"),
        (severer_since, "The severity of INC-1"),
        (before_it_was_promised, "at another instant"),
        (another_kind, "something else"),
        (no_item, "is not in the pack"),
    ):
        said, events = plain()
        change(said["data"]["settlement"], events)
        with pytest.raises(Doubt, match=reason):
            closed_anew(said, events)


def test_a_penalty_of_whose_severity_no_event_tells_follows_from_its_line() -> None:
    said, events = plain()
    commitment = said["data"]["settlement"]["commitments"][1]
    item = events.pop(commitment["events"][0])
    (reading,) = item["data"]["clocks"]
    own = {name: value for name, value in reading.items() if name != "breach_after"}
    own |= {"at": reading["breach_after"], "incident_id": item["subject"].partition("/")[2]}
    told = spoken("incidents.clock.breached", reading["clock_id"], SIGNED, own)
    commitment["events"] = [told["id"]]
    levels = [line["follows_from"] for line in closed_anew(said, events | {told["id"]: told}).figures()["lines"]]
    assert levels == [EVENTS, EVENTS, LINE]
    known = closed_anew(said, events | {each["id"]: each for each in (told, item)}).figures()
    assert [line["follows_from"] for line in known["lines"]] == [EVENTS, EVENTS, EVENTS]


def test_a_share_of_responsibility_that_was_superseded_or_that_nobody_decided_is_found() -> None:
    def halved(*shares: int) -> Settled:
        """Of a settlement with half a penalty, whose breach is told of with these shares, the first one undecided.

        A negative one was told after closing.
        """
        said, events = plain()
        content = said["data"]["settlement"]
        clock, breach_id = content["commitments"][1], str(new_id())
        clock["events"].append(breach_id)
        clock["why"] |= {"provider_percent": "50", "decision": "No access"}
        content["lines"][2]["amount"] = "-30.00"
        content["totals"] |= {"net": "510.00", "tax": "102.00", "gross": "612.00"}
        content["totals"]["by_tax"][0] |= {"net": "510.00", "tax_amount": "102.00"}
        for version, share in enumerate(shares, start=1):
            at = SIGNED if share >= 0 else SIGNED + timedelta(days=1)
            told = breach(clock["commitment_id"], breach_id, version, abs(share), at)
            events[told["id"]] = told
        return closed_anew(said, events)

    assert halved(100, 50).figures()["net"] == "510.00"
    assert halved(100, 80, 50, -100).figures()["net"] == "510.00"
    for shares in ((100,), (50,), (100, 50, 80), (100, 80, -50)):
        with pytest.raises(Doubt, match="Nobody decided who answers"):
            halved(*shares)


def test_a_decision_on_who_answers_that_the_settlement_leaves_out_is_found() -> None:
    said, events = plain()
    clock_id, breach_id = said["data"]["settlement"]["commitments"][1]["commitment_id"], str(new_id())
    told = [breach(clock_id, breach_id, version, share, SIGNED) for version, share in ((1, 100), (2, 0))]
    with pytest.raises(Doubt, match="Nobody decided who answers"):
        Settled(said, events | {each["id"]: each for each in told})


def test_a_settlement_with_another_hash_than_it_says_is_found() -> None:
    said, events = plain()
    said["data"]["settlement"]["unpriced_tickets"].append("REQ-1")
    with pytest.raises(Doubt, match="another hash"):
        Settled(said, events)


def test_a_settlement_whose_rule_no_event_told_is_checked_line_by_line() -> None:
    said, events = plain()
    (version,) = [each for each in events.values() if each["subject"].startswith("contract/")]
    del version["data"]["remedies"]
    figures = Settled(said, events).figures()
    assert [line["follows_from"] for line in figures["lines"]] == [EVENTS, LINE, LINE]
    said["data"]["settlement"]["lines"][1]["why"]["credit_percent"] = "5"
    with pytest.raises(Doubt, match="what it is made of gives"):
        closed_anew(said, events)


# --- hours ------------------------------------------------------------------------------------------------------------

MONTH: Final = date(2026, 10, 1)


@st.composite
def hours_blocks(draw: st.DrawFn) -> dict[str, Any]:
    codes = draw(st.sampled_from([["technical"], ["technical", "assistance"], ["assistance"]]))
    policy = draw(st.sampled_from(["none", "one_period", "fifo"]))
    return {
        "lines": [
            {
                "code": code,
                "name": {"fr": code, "en": code},
                "included_minutes": draw(st.integers(0, 400)),
                "work_classes": [f"{code}-class"],
                "channels": [],
            }
            for code in codes
        ],
        "pooled": draw(st.booleans()),
        "rollover": {"policy": policy, "months": 12 if policy == "fifo" else None},
        "overage_rate_per_hour": {"amount": draw(st.sampled_from(["90.00", "77.77"])), "currency": "EUR"},
        "accounting": {
            "unit_minutes": draw(st.sampled_from([1, 15, 60])),
            "per": draw(st.sampled_from(["entry", "ticket_day"])),
        },
        "overage_cap_minutes": draw(st.sampled_from([None, 30])),
        "thresholds_percent": [],
        "multipliers": [{"work_class": "assistance-class", "factor": "1.5"}],
        "covered_classes": draw(st.sampled_from([[], ["technical-class"]])),
    }


@st.composite
def entries(draw: st.DrawFn) -> list[contract_hours.HoursFact]:
    found = []
    for _ in range(draw(st.integers(0, 8))):
        code = draw(st.sampled_from(["technical", "assistance", "gone"]))
        found.append(
            contract_hours.HoursFact(
                entry_id=new_id(),
                line=draw(st.sampled_from([code, None])),
                work_class=f"{code}-class",
                minutes=draw(st.integers(-60, 300)),
                on=MONTH + timedelta(days=draw(st.integers(0, 30))),
                ticket=draw(st.sampled_from([None, "a", "b"])),
                covered=draw(st.booleans()),
                multipliers=tuple(Decimal(each) for each in draw(st.lists(st.sampled_from(["2", "1.25"]), max_size=2))),
                consumes=draw(st.sampled_from([True, True, False])),
            )
        )
    return found


@settings(max_examples=300)
@given(
    cuts=st.lists(instants, max_size=3),
    blocks=st.lists(hours_blocks(), min_size=4, max_size=4),
    statuses=st.lists(st.sampled_from(["active", "active", "suspended"]), min_size=4, max_size=4),
    worked=entries(),
    left=st.lists(st.tuples(st.sampled_from(["technical", "assistance"]), st.integers(1, 90)), max_size=3),
)
def test_a_month_of_hours_comes_to_the_same_there(
    cuts: list[datetime],
    blocks: list[dict[str, Any]],
    statuses: list[str],
    worked: list[contract_hours.HoursFact],
    left: list[tuple[str, int]],
) -> None:
    begins = [WHOLE.start - timedelta(days=40), *sorted(set(cuts))]
    versions: list[dict[str, Any]] = [
        {
            "version": number,
            "status": "active" if not number else statuses[number],
            "effective_from": instant_text(at),
            "client": {"time_zone": "Europe/Paris"},
            "hours": blocks[number],
        }
        for number, at in enumerate(begins)
    ]
    begins[0] = begins[0].astimezone(PARIS).replace(hour=0, minute=0).astimezone(UTC)
    held = [
        contract_hours.Held(start, end, domain_hours(version["hours"]))
        for start, end, version in zip(begins, [*begins[1:], None], versions, strict=True)
        if version["status"] == "active"
    ]
    own = contract_hours.accounted(worked, held, PARIS)
    terms = contract_hours.month_terms(MONTH, held, PARIS, own.by_line)
    assert terms is not None
    lots: dict[str | None, tuple[Lot, ...]] = {}
    for months, (line, minutes) in enumerate(left):
        key = None if terms.terms.pooled else line
        lots[key] = (*lots.get(key, ()), Lot(minutes, months))
    ours = draw_month(terms.terms, MONTH, own.by_line, lots)
    ignored = {each.entry_id: "out_of_scope" for each in own.out_of_scope}
    ignored |= {each.entry_id: "unplaced" for each in own.unplaced}
    theirs = hours_figures(
        {
            "month": "2026-10-01",
            "overage_amount": {"amount": "0.00", "currency": "EUR"},
            "brought": [
                {"line": key, "minutes": lot.minutes, "months": lot.months} for key, of in lots.items() for lot in of
            ],
            "adjustments": [],
            "entries": [
                {
                    "hours_entry_id": str(each.entry_id),
                    "line": each.line,
                    "work_class": each.work_class,
                    "worked_on": each.on.isoformat(),
                    "real_minutes": each.minutes,
                    "multipliers": [str(factor) for factor in each.multipliers],
                    "covered": each.covered,
                    "work_item_id": each.ticket,
                    "counted": ignored.get(each.entry_id, "accounted"),
                }
                for each in worked
            ],
        },
        versions,
    )
    assert {name: theirs[name] for name in theirs if hasattr(ours, name) and name.endswith("_minutes")} == {
        name: getattr(ours, name) for name in theirs if hasattr(ours, name) and name.endswith("_minutes")
    }
    assert theirs["overage_amount"]["amount"] == ours.overage_amount.text
    assert [line["code"] for line in theirs["lines"] if line["over"]] == list(ours.lines_over)
    assert {line["code"]: line["included_minutes"] for line in theirs["lines"]} == {
        line.code: line.included_minutes for line in terms.terms.lines
    }
    assert theirs["carried"] == [
        {"line": key, "minutes": lot.minutes, "months": lot.months} for key, of in ours.carried.items() for lot in of
    ]
    assert theirs["out_of_scope_minutes"] == sum(each.minutes for each in own.out_of_scope)


def test_an_entry_that_counts_otherwise_than_the_contract_says_is_found() -> None:
    block = {
        "lines": [{"code": "technical", "included_minutes": 60, "work_classes": ["backup"]}],
        "covered_classes": [],
        "multipliers": [],
        "accounting": {"unit_minutes": 1, "per": "entry"},
    }
    version = {
        "version": 1,
        "status": "active",
        "effective_from": "2026-09-01T00:00:00Z",
        "client": {"time_zone": "Europe/Paris"},
        "hours": block,
    }
    entry: dict[str, Any] = {
        "hours_entry_id": "e",
        "line": None,
        "work_class": "backup",
        "worked_on": "2026-10-05",
        "real_minutes": 60,
        "multipliers": [],
        "covered": False,
        "work_item_id": None,
        "counted": "unplaced",
    }
    with pytest.raises(Doubt, match="wrongly whether a line"):
        hours_figures({"month": "2026-10-01", "entries": [entry], "adjustments": [], "brought": []}, [version])
