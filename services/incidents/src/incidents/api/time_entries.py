"""Work done on hours lines: real minutes as they were, accounted minutes as the contract says."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt
from sqlalchemy import ColumnElement, select

from incidents.adapters import queries
from incidents.adapters.hours_terms import hours_in_force
from incidents.adapters.records_tables import TimeEntryRow
from incidents.adapters.repository import SqlContracts
from incidents.api.dependencies import agency_only
from incidents.api.record_desk import (
    CONTRACT,
    ITEM,
    PERSON,
    WRITTEN,
    Audience,
    Line,
    Narrowed,
    OfContract,
    ReadingDesk,
    RecordAnswer,
    RecordDesk,
    Text,
    VersionName,
    WritingDesk,
    facts_of,
)
from incidents.api.record_files import CSV, record_file
from incidents.application.records import Place
from incidents.domain.records import AlreadyThereError, BrokenRuleError, must
from incidents.domain.work_item import Category
from shared.idempotency import Idempotent, IdempotentRoute
from shared.kernel.hours import Accounting, Minutes, Work, account
from shared.pagination import Page, PageParams
from shared.problems import Conflict, FieldError, NotFound, ValidationFailed, responses_for
from shared.service import CurrentRuntime
from shared.values import LocalDate, Month, NonNegativeDecimal, decimal_text, forbid_unknown

WorkClass = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9_]*$")]
LineCode = VersionName

ASSISTANCE_LINE = "assistance"
"""Code of the hours line that helping users draws on."""

_FACTS: dict[str, Any] = {
    "audience": "agency",
    "line": "technical",
    "work_class": "corrective",
    "person_id": None,
    "person_name": "Ada Martin",
    "worked_on": "2026-01-08",
    "real_minutes": 50,
    "multipliers": ["1.5"],
    "covered": False,
    "mode": "remote",
    "note": "Raised the limit of connections.",
}
_ENTRY: dict[str, Any] = (
    WRITTEN
    | {
        "time_entry_id": PERSON[:-2] + "91",
        "unit_minutes": 15,
        "accounted_per": "entry",
        "accounted_minutes": 75,
        "reverses_id": None,
        "corrects_id": None,
    }
    | _FACTS
)


class TimeFacts(BaseModel):
    """Who worked how long, on which line, on what kind of work."""

    model_config = forbid_unknown(examples=[_FACTS])

    audience: Audience = "agency"
    line: LineCode | None = Field(
        default=None,
        description="code of an hours line of the contract; may be left out of work of a class that a line covers, and"
        " of work on a request for assistance, which draws on the line `assistance`",
        examples=["technical"],
    )
    work_class: WorkClass | None = Field(
        default=None,
        description="a category, or a class that the contract's hours name; left out, it is the category of the item",
        examples=["corrective", "dependency_upgrade"],
    )
    person_id: UUID | None = None
    person_name: Line
    worked_on: LocalDate = Field(description="local date in the client's zone")
    real_minutes: StrictInt = Field(ge=0, le=1440, json_schema_extra={"format": "int32"})
    multipliers: list[NonNegativeDecimal] = Field(
        default_factory=list, max_length=10, description="the largest one counts, never their product; none is 1"
    )
    covered: StrictBool = Field(
        default=False, description="the flat fee includes it whatever it takes: no hours are consumed"
    )
    mode: Literal["remote", "on_site"] = "remote"
    note: Text | None = None


class TimeBody(TimeFacts, OfContract):
    """Work under a contract, for an item or for none."""

    model_config = forbid_unknown(examples=[{"contract_id": CONTRACT, "item_id": ITEM} | _FACTS])


class TimeCorrection(BaseModel):
    """What is right instead of an entry; null: it was not worked at all."""

    model_config = forbid_unknown(examples=[{"instead": _FACTS | {"real_minutes": 40}}])

    instead: TimeFacts | None


class TimeEntry(RecordAnswer):
    """Work that was logged. Nothing changes it: a wrong one is reversed by one of as many negative minutes."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [_ENTRY]})
    ROW: ClassVar[type[Any]] = TimeEntryRow
    KEY: ClassVar[str] = "time_entry_id"

    time_entry_id: UUID
    line: LineCode
    work_class: WorkClass
    person_id: UUID | None
    person_name: Line
    worked_on: LocalDate
    real_minutes: int = Field(json_schema_extra={"format": "int32"}, description="negative in a reversal")
    multipliers: list[Annotated[str, Field(max_length=42)]] = Field(max_length=10)
    covered: bool
    mode: Literal["remote", "on_site"]
    note: Text | None
    unit_minutes: int = Field(ge=1, json_schema_extra={"format": "int32"}, description="the contract's unit that day")
    accounted_per: Literal["entry", "ticket_day"]
    accounted_minutes: int | None = Field(
        json_schema_extra={"format": "int32"},
        description="null where the contract rounds per line, ticket and day: see the totals of the month",
    )
    reverses_id: UUID | None = Field(description="the entry that this one takes back")
    corrects_id: UUID | None = Field(description="the entry that this one replaces")

    @classmethod
    def derived(cls, row: TimeEntryRow) -> dict[str, Any]:
        """What the entry alone is accounted."""
        together = row.accounted_per == "ticket_day" and row.item_id is not None
        return {"accounted_minutes": None if together else _minutes([row])[row.line].accounted}


class Corrected(BaseModel):
    """What a correction has written."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reversal": _ENTRY | {"real_minutes": -50}, "entry": _ENTRY}]}
    )

    reversal: TimeEntry
    entry: TimeEntry | None


class LineTotals(BaseModel):
    """Minutes of one line."""

    line: LineCode
    real_minutes: int = Field(json_schema_extra={"format": "int64"}, description="all of them, covered ones too")
    accounted_minutes: int = Field(json_schema_extra={"format": "int64"}, description="what is drawn from the budget")
    covered_minutes: int = Field(json_schema_extra={"format": "int64"})


class ClassTotals(BaseModel):
    """Minutes of one class of work."""

    work_class: WorkClass
    real_minutes: int = Field(json_schema_extra={"format": "int64"})


class TimeTotals(BaseModel):
    """The minutes of one contract in one month, corrections included."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "contract_id": CONTRACT,
                    "month": "2026-01",
                    "lines": [{"line": "technical", "real_minutes": 50, "accounted_minutes": 75, "covered_minutes": 0}],
                    "work_classes": [{"work_class": "corrective", "real_minutes": 50}],
                }
            ]
        }
    )

    contract_id: UUID
    month: Month
    lines: list[LineTotals] = Field(max_length=1000)
    work_classes: list[ClassTotals] = Field(max_length=1000)


time_entries = APIRouter(prefix="/v1/time-entries", tags=["time"], route_class=IdempotentRoute)
time_entries_file = APIRouter(prefix="/v1/time-entries.csv", tags=["time"])
time_totals = APIRouter(prefix="/v1/time-totals", tags=["time"])


@time_entries.post(
    "", status_code=201, summary="Log work", dependencies=[Idempotent], responses=responses_for(NotFound)
)
async def record_time_entry(body: TimeBody, desk: WritingDesk) -> TimeEntry:
    """Work on one line on one date. How it is accounted is what the contract says for that date."""
    place = await body.place(desk.book)
    return TimeEntry.of_row(await _log(desk, place, body, within=""))


@time_entries.get("", summary="List time entries")
async def list_time_entries(
    desk: ReadingDesk,
    params: PageParams,
    narrowed: Narrowed,
    since: Annotated[LocalDate | None, Query(alias="from", description="first date, included")] = None,
    until: Annotated[LocalDate | None, Query(alias="to", description="date after the last one")] = None,
    line: LineCode | None = None,
    work_class: WorkClass | None = None,
    person_id: UUID | None = None,
) -> Page[TimeEntry]:
    """What was logged last comes first; reversed entries and their reversals too."""
    conditions = _on_dates(since, until)
    asked = {TimeEntryRow.line: line, TimeEntryRow.work_class: work_class, TimeEntryRow.person_id: person_id}
    conditions += [column == value for column, value in asked.items() if value is not None]
    return await desk.page(TimeEntry, params, narrowed.select(TimeEntryRow, *conditions))


@time_entries_file.get("", summary="Download time entries", response_class=Response, responses=CSV)
async def download_time_entries(
    desk: ReadingDesk,
    runtime: CurrentRuntime,
    narrowed: Narrowed,
    since: Annotated[LocalDate | None, Query(alias="from", description="first date, included")] = None,
    until: Annotated[LocalDate | None, Query(alias="to", description="date after the last one")] = None,
) -> Response:
    """Those of the dates, in the order in which they were logged. A text never begins like a formula."""
    columns = (
        "id",
        "worked_on",
        "line",
        "work_class",
        "person_name",
        "real_minutes",
        "multipliers",
        "covered",
        "mode",
        "unit_minutes",
        "accounted_per",
        "note",
        "item_id",
        "contract_id",
        "client_id",
        "reverses_id",
        "corrects_id",
        "recorded_at",
        "recorded_by_name",
    )
    selected = narrowed.select(TimeEntryRow, *_on_dates(since, until))
    return record_file(desk, runtime, TimeEntryRow, selected, columns, "time-entries.csv")


@time_entries.get("/{time_entry_id}", summary="Read a time entry")
async def get_time_entry(time_entry_id: UUID, desk: ReadingDesk) -> TimeEntry:
    """One entry as it was logged."""
    return await desk.read(TimeEntry, time_entry_id)


@time_entries.post(
    "/{time_entry_id}/correct",
    status_code=201,
    summary="Correct a time entry",
    dependencies=[Idempotent],
    responses=responses_for(Conflict),
)
async def correct_time_entry(time_entry_id: UUID, body: TimeCorrection, desk: WritingDesk) -> Corrected:
    """Writes an entry that takes the wrong one back, on its own date, and the right one. Both stay to be seen."""
    wrong: TimeEntryRow = await desk.found(TimeEntry, time_entry_id, lock=True)
    if wrong.reverses_id is not None:
        raise AlreadyThereError("This entry takes another one back: log what is right as a new entry.")
    reversed_already = select(TimeEntryRow.id).where(TimeEntryRow.reverses_id == wrong.id)
    if (await desk.unit.session.execute(reversed_already)).first() is not None:
        raise AlreadyThereError("This entry is corrected already: correct the one that replaced it.")
    place = Place(wrong.contract_id, wrong.client_id, wrong.site_id, wrong.item_id)
    same = (
        "line", "work_class", "person_id", "person_name", "worked_on", "multipliers", "covered", "mode", "note",
        "unit_minutes", "accounted_per",
    )  # fmt: skip
    taken_back = {name: getattr(wrong, name) for name in same} | {
        "real_minutes": -wrong.real_minutes,
        "reverses_id": wrong.id,
    }
    reversal = await desk.book.write(TimeEntryRow, place, wrong.audience, taken_back)
    entry = None
    if body.instead is not None:
        entry = await _log(desk, place, body.instead, within="instead/", corrects_id=wrong.id)
    return Corrected(reversal=TimeEntry.of_row(reversal), entry=TimeEntry.of_row(entry) if entry else None)


@time_totals.get("/{contract_id}", summary="Read the totals of a month")
async def get_time_totals(contract_id: UUID, month: Month, desk: ReadingDesk) -> TimeTotals:
    """Real, accounted and covered minutes of every line, by the rules that were in force when the work was done."""
    agency_only(desk.principal)
    if await SqlContracts(desk.unit).newest(contract_id) is None:
        raise NotFound("There is no contract with this id.")
    last = date(month.year + month.month // 12, month.month % 12 + 1, 1) if month < date(9999, 12, 1) else date.max
    of_month = _on_dates(month, last)
    selected = select(TimeEntryRow).where(TimeEntryRow.contract_id == contract_id, *of_month)
    rows = list((await desk.unit.session.execute(selected.order_by(TimeEntryRow.line, TimeEntryRow.id))).scalars())
    by_class: dict[str, int] = defaultdict(int)
    for row in rows:
        by_class[row.work_class] += row.real_minutes
    return TimeTotals.model_validate(
        {
            "contract_id": contract_id,
            "month": month,
            "lines": [
                {
                    "line": line,
                    "real_minutes": minutes.real,
                    "accounted_minutes": minutes.accounted,
                    "covered_minutes": minutes.covered,
                }
                for line, minutes in sorted(_minutes(rows).items())
            ],
            "work_classes": [{"work_class": name, "real_minutes": by_class[name]} for name in sorted(by_class)],
        }
    )


async def _log(desk: RecordDesk, place: Place, said: TimeFacts, *, within: str, **more: Any) -> TimeEntryRow:
    category = await _category(desk, place)
    work_class = said.work_class or category
    if work_class is None:
        raise BrokenRuleError(f"{within}work_class", "Say which class of work it is: there is no item to tell it.")
    contract = await SqlContracts(desk.unit).newest(place.contract_id)
    zone = ZoneInfo(contract.time_zone) if contract else ZoneInfo("UTC")
    today = desk.unit.now.astimezone(zone).date()
    must(said.worked_on <= today, f"{within}worked_on", "This date is in the future: log work when it is done.")
    end_of_day = datetime.combine(said.worked_on + timedelta(days=1), datetime.min.time(), zone)
    hours = await hours_in_force(desk.unit.session, place.contract_id, end_of_day)
    # What helps users is paid for by the line that is sold for it; other work on the same request may go elsewhere.
    helps = category == Category.ASSISTANCE and work_class == Category.ASSISTANCE
    line = said.line or hours.line_of(work_class) or (ASSISTANCE_LINE if helps else None)
    if line is None:
        raise BrokenRuleError(f"{within}line", "Say which hours line of the contract this work draws on.")
    must(hours.knows(line), f"{within}line", f"The contract has no hours line `{line}` on that date.")
    must(
        not helps or line == ASSISTANCE_LINE or not hours.names(ASSISTANCE_LINE),
        f"{within}line",
        f"Assistance draws on the line `{ASSISTANCE_LINE}` of this contract: leave the line out, or say another class.",
    )
    facts = facts_of(said) | {"line": line, "work_class": work_class}
    audience = facts.pop("audience")
    facts["multipliers"] = [decimal_text(each) for each in said.multipliers]
    rule = {"unit_minutes": hours.rule.unit_minutes, "accounted_per": hours.rule.per}
    return await desk.book.write(TimeEntryRow, place, audience, facts | rule | more)


async def _category(desk: RecordDesk, place: Place) -> str | None:
    item = await queries.item(desk.unit.session, place.item_id) if place.item_id is not None else None
    return item.category if item is not None else None


def _minutes(rows: list[TimeEntryRow]) -> dict[str, Minutes]:
    by_rule: dict[Accounting, list[Work]] = defaultdict(list)
    for row in rows:
        by_rule[Accounting(row.unit_minutes, "ticket_day" if row.accounted_per == "ticket_day" else "entry")].append(
            Work(
                line=row.line,
                minutes=row.real_minutes,
                on=row.worked_on,
                ticket=str(row.item_id) if row.item_id else None,
                covered=row.covered,
                multipliers=tuple(map(Decimal, row.multipliers)),
            )
        )
    totals: dict[str, Minutes] = {}
    for rule, works in by_rule.items():
        for line, minutes in account(works, rule).items():
            before = totals.get(line, Minutes())
            totals[line] = Minutes(
                before.real + minutes.real,
                before.accounted + minutes.accounted,
                before.covered + minutes.covered,
            )
    return totals


def _on_dates(since: date | None, until: date | None) -> list[ColumnElement[bool]]:
    if since is not None and until is not None and since >= until:
        detail = "The period ends before it begins: `to` must be after `from`."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, parameter="to")])
    conditions: list[ColumnElement[bool]] = []
    if since is not None:
        conditions.append(TimeEntryRow.worked_on >= since)
    if until is not None:
        conditions.append(TimeEntryRow.worked_on < until)
    return conditions
