"""What a contract says of hours: the package of its plan, and what this contract has otherwise.

A plan has its package in a deliverable. The block `hours` of a contract's terms says only what differs: so a newer
version of the plan reaches the contract with its next amendment, and what was agreed with this client stays. The total
is the sum of the lines and nobody types it.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, JsonValue, StrictBool, ValidationError, model_validator

from contracts.application.errors import Refused
from contracts.application.values import Code, Price, Request, Texts
from contracts.domain.contract_hours import AgreedHours, AgreedLine
from contracts.domain.hours_ledger import HoursRefusedError, Rollover, RolloverPolicy
from shared.kernel.hours import Accounting, Per
from shared.kernel.money import Money
from shared.values import NonNegativeDecimal

MOST_LINES = 50

IncludedMinutes: TypeAlias = Annotated[
    int, Field(strict=True, ge=0, le=1_000_000, json_schema_extra={"format": "int32"})
]
ThresholdPercent: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=1000, json_schema_extra={"format": "int32"})]
AssistanceChannel = Literal["portal", "mail", "phone", "chat"]
AssetKind = Literal["website", "web_application", "mobile_application", "api", "back_office"]


def _line(code: str, fr: str, en: str, hours: int, *classes: str, **more: Any) -> dict[str, JsonValue]:
    named: dict[str, JsonValue] = {"code": code, "name": {"fr": fr, "en": en}, "included_minutes": hours * 60}
    return {**named, "work_classes": list(classes), **more}


TEN_HOURS: dict[str, JsonValue] = {
    "lines": [
        _line(
            "technical", "Maintenance technique", "Technical maintenance", 2,
            "server_supervision", "backup", "security_update", "dependency_upgrade", "preventive",
        ),
        _line(
            "web", "Correctifs Web & Back-office", "Fixes of web and back-office", 2,
            "corrective", "web_fix", "micro_evolution", "ui_adjustment", "evolutionary",
        ),
        _line(
            "mobile", "Correctifs Mobile", "Fixes of the mobile application", 1,
            "mobile_crash", "store_update", "device_adaptation", only_with=["mobile_application"],
        ),
        _line("assistance", "Assistance & support", "Assistance and support", 3, "assistance",
              channels=["portal", "mail", "phone"]),
        _line("steering", "Suivi & pilotage", "Steering", 2, "prioritization", "coordination", "reporting"),
    ],
    "pooled": True,
    "rollover": {"policy": "none"},
    "overage_rate_per_hour": {"amount": "90.00", "currency": "EUR"},
    "accounting": {"unit_minutes": 15, "per": "entry"},
    "thresholds_percent": [75, 90, 100],
    "covered_classes": ["framework_rewrite"],
}  # fmt: skip
"""Ten hours a month in five lines, the usual package; shown as the example."""


class HourlyRate(Price):
    """An amount of money per hour."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"amount": "90.00", "currency": "EUR"}]})


class HoursRollover(Request):
    """What becomes of unused minutes."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"policy": "none"}, {"policy": "fifo", "months": 12}]}
    )

    policy: RolloverPolicy = Field(
        default="none",
        description="`none`: lost; `one_period`: usable in the next month, after its own; `fifo`: usable in `months`"
        " months after their own, the oldest first and before the month's own",
    )
    months: Annotated[int, Field(strict=True, ge=1, le=1200, json_schema_extra={"format": "int32"})] | None = Field(
        default=None, description="Required with `fifo`, and with nothing else."
    )

    @model_validator(mode="after")
    def _months_with_fifo(self) -> Self:
        try:
            self.as_value()
        except HoursRefusedError as refused:
            raise ValueError(str(refused)) from None
        return self

    def as_value(self) -> Rollover:
        """The policy as the domain knows it."""
        return Rollover(self.policy, self.months)


class HoursAccounting(Request):
    """How minutes are rounded up."""

    unit_minutes: Annotated[int, Field(strict=True, ge=1, le=1440, json_schema_extra={"format": "int32"})] = 1
    per: Per = Field(default="entry", description="Once for each entry, or once for each line, ticket and day.")


class ClassMultiplier(Request):
    """How much a minute of this class of work counts; of several multipliers the largest one counts."""

    work_class: Code = Field(examples=["night_work"])
    factor: NonNegativeDecimal = Field(examples=["1.5"])


class HoursLineTerms(Request):
    """A line of the package."""

    code: Code = Field(examples=["technical"])
    name: Texts
    included_minutes: IncludedMinutes = Field(description="Of every month.")
    work_classes: list[Code] = Field(
        default_factory=list, max_length=50, description="Work of these classes lands here when no line is named."
    )
    channels: list[AssistanceChannel] = Field(default_factory=list, max_length=4, description="How help is asked for.")
    only_with: list[AssetKind] = Field(
        default_factory=list,
        max_length=5,
        description="The line is left out of a contract that has no site of these kinds; empty: it is always there.",
    )


def _check_codes(lines: Iterable[str], multipliers: Iterable[str]) -> None:
    for name, codes in (("lines", list(lines)), ("multipliers", list(multipliers))):
        if len(set(codes)) != len(codes):
            raise ValueError(f"{name} has one code twice")


class HoursPackage(Request):
    """Monthly hours: their lines, and how they are drawn, carried over and billed beyond."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [TEN_HOURS]})

    lines: list[HoursLineTerms] = Field(min_length=1, max_length=MOST_LINES)
    pooled: StrictBool = Field(
        default=True, description="One envelope for all lines: overage only when the sum is used up."
    )
    rollover: HoursRollover = Field(default_factory=HoursRollover)
    overage_rate_per_hour: HourlyRate
    accounting: HoursAccounting = Field(default_factory=HoursAccounting)
    overage_cap_minutes: IncludedMinutes | None = Field(
        default=None, description="No more overage than this is billed for a month; null: all of it."
    )
    thresholds_percent: list[ThresholdPercent] = Field(
        default_factory=lambda: [75, 90, 100],
        max_length=10,
        description="Told once a month each, of what is available.",
    )
    multipliers: list[ClassMultiplier] = Field(default_factory=list, max_length=50)
    covered_classes: list[Code] = Field(
        default_factory=list, max_length=50, description="The flat fee includes this work whatever it takes."
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        _check_codes((line.code for line in self.lines), (item.work_class for item in self.multipliers))
        landing = [name for line in self.lines for name in line.work_classes]
        if len(set(landing)) != len(landing):
            raise ValueError("lines cover one class of work twice: it can land on one line only")
        return self


class ContractHoursLine(Request):
    """A line of this contract: what is left out is as in the plan's package."""

    code: Code = Field(examples=["technical"])
    name: Texts | None = None
    included_minutes: IncludedMinutes | None = Field(default=None, description="Of every month.")
    work_classes: Annotated[list[Code], Field(max_length=50)] | None = None
    channels: Annotated[list[AssistanceChannel], Field(max_length=4)] | None = None
    only_with: Annotated[list[AssetKind], Field(max_length=5)] | None = None


class ContractHours(Request):
    """What this contract has otherwise than the plan's package; what is left out or null is as the plan says.

    Where the plan has no package, `lines` with name and minutes and `overage_rate_per_hour` make one.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"lines": [{"code": "technical", "included_minutes": 240}], "without": ["steering"]}]
        },
    )

    lines: list[ContractHoursLine] = Field(default_factory=list, max_length=MOST_LINES)
    without: list[Code] = Field(default_factory=list, max_length=MOST_LINES, description="Lines that are left out.")
    pooled: StrictBool | None = None
    rollover: HoursRollover | None = None
    overage_rate_per_hour: HourlyRate | None = None
    accounting: HoursAccounting | None = None
    overage_cap_minutes: IncludedMinutes | None = None
    thresholds_percent: Annotated[list[ThresholdPercent], Field(max_length=10)] | None = None
    multipliers: Annotated[list[ClassMultiplier], Field(max_length=50)] | None = None
    covered_classes: Annotated[list[Code], Field(max_length=50)] | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        _check_codes((line.code for line in self.lines), (item.work_class for item in self.multipliers or ()))
        both = {line.code for line in self.lines} & set(self.without)
        if both:
            raise ValueError(f"{', '.join(sorted(both))} is in lines and in without")
        return self


def agreed_package(plan: Mapping[str, Any] | None, own: ContractHours | None) -> HoursPackage | None:
    """The plan's package with what this contract has otherwise; None when neither says anything of hours.

    Raises Refused at the value of the contract's block that makes no package.
    """
    if own is None:
        return None if plan is None else HoursPackage.model_validate(plan)
    base = dict(plan or {})
    changes = own.model_dump(mode="json", by_alias=True, exclude_none=True)
    left_out = set(changes.pop("without"))
    lines = {str(line["code"]): dict(line) for line in base.get("lines", [])}
    for index, line in enumerate(changes.pop("lines")):
        lines[line["code"]] = lines.get(line["code"], {}) | line
        if not {"name", "included_minutes"} <= lines[line["code"]].keys():
            raise Refused("is no line of the plan: give its name and its included_minutes", "hours", "lines", index)
    try:
        package = HoursPackage.model_validate(
            base | changes | {"lines": [line for code, line in lines.items() if code not in left_out]}
        )
    except ValidationError as error:
        raise Refused.because_of(error, "hours") from None
    return package


def check_currency(package: HoursPackage, currency: str) -> None:
    """Raises Refused unless hours are billed in the currency of the contract's price."""
    if package.overage_rate_per_hour.currency != currency:
        raise Refused(
            f"is another currency than the price, which is in {currency}", "hours", "overage_rate_per_hour", "currency"
        )


def hours_block(parameters: Mapping[str, Any] | None, kinds: Iterable[str]) -> dict[str, Any] | None:
    """The hours of a contract with sites of these kinds, as they are signed and published, with their total."""
    if parameters is None:
        return None
    package = HoursPackage.model_validate(parameters)
    here = set(kinds)
    lines = [line for line in package.lines if not line.only_with or here & set(line.only_with)]
    return {
        **package.model_dump(mode="json", exclude={"lines"}),
        "lines": [line.model_dump(mode="json", exclude={"only_with"}) for line in lines],
        "total_minutes": sum(line.included_minutes for line in lines),
    }


def agreed_hours(block: Mapping[str, Any]) -> AgreedHours:
    """A published block as the domain knows it."""
    rate, rollover, accounting = block["overage_rate_per_hour"], block["rollover"], block["accounting"]
    return AgreedHours(
        lines=tuple(
            AgreedLine(line["code"], line["included_minutes"], tuple(line["work_classes"])) for line in block["lines"]
        ),
        pooled=block["pooled"],
        rollover=Rollover(rollover["policy"], rollover["months"]),
        overage_rate_per_hour=Money(Decimal(rate["amount"]), rate["currency"]),
        accounting=Accounting(accounting["unit_minutes"], accounting["per"]),
        overage_cap_minutes=block["overage_cap_minutes"],
        thresholds_percent=tuple(sorted(set(block["thresholds_percent"]))),
        multipliers={item["work_class"]: Decimal(item["factor"]) for item in block["multipliers"]},
        covered_classes=frozenset(block["covered_classes"]),
    )
