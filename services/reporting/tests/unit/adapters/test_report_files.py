"""An edition as page, workbook and mail: the same content, no formula, no script, every text translated."""

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from babel.messages.catalog import Catalog
from pypdf import PdfReader

import reporting
from reporting.adapters.rendering import catalogues, sheet_page
from reporting.adapters.report_csv import report_csv
from reporting.adapters.report_deliveries import Mail
from reporting.adapters.report_mail import report_letter
from reporting.adapters.report_pdf import pdf_of
from reporting.adapters.report_sheet import report_sheet
from reporting.adapters.report_xlsx import report_xlsx
from reporting.adapters.review_csv import review_rows
from reporting.adapters.review_sheet import preview_sheet
from reporting.application import examples, review_examples
from reporting.application.editions import Edition, IssuedEdition, next_edition, told_of
from reporting.application.report import AsMeasured, Brand, DecisionLine
from reporting.application.report_parts import ReportParts
from reporting.application.report_template import SECTIONS, ReportTemplateContent, TemplateTexts, our_template
from reporting.application.review import Review, ReviewNotes
from reporting.domain.report_template import UnfilledVariable
from shared.i18n import Catalogues, Translator, extract
from shared.ids import new_id

BRAND = Brand("Boulangerie Martin", None, "#7c2d12", None, None)
FORMULA = '=HYPERLINK("http://evil.example","x")'


def issued(template: ReportTemplateContent | None = None, **parts: Any) -> IssuedEdition:
    edition = Edition.model_validate(examples.EDITION)
    report = edition.report.model_copy(update={"parts": edition.report.parts.model_copy(update=parts)})
    whole = edition.model_copy(update={"report": report})
    return IssuedEdition(whole, BRAND, template or ReportTemplateContent(), report.model_dump_json(by_alias=True))


def mail(**changes: Any) -> Mail:
    values: dict[str, Any] = {
        "delivery_id": new_id(),
        "contract_id": new_id(),
        "kind": "monthly",
        "month": datetime(2026, 6, 1, tzinfo=UTC).date(),
        "edition": 2,
        "name": "Léa Martin",
        "address": "lea@hotel.example",
        "language": "fr",
        "planned_at": datetime(2026, 7, 3, 8, tzinfo=UTC),
        "tries": 0,
    }
    return Mail(**values | changes)


def letter(edition: IssuedEdition, language: str = "fr", **changes: Any) -> Any:
    return report_letter(
        edition,
        mail(**changes),
        catalogues().translator(language),
        link="https://reports.agency.example/reports/sent?token=x",
        link_ends_at=datetime(2026, 12, 30, 8, tzinfo=UTC),
        now=datetime(2026, 7, 3, 8, 10, tzinfo=UTC),
        sender="reports@agency.example",
    )


@pytest.mark.capability("R11")
@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "fr",
            [
                "99,97\N{NARROW NO-BREAK SPACE}%",
                "juin 2026",
                "360,00\N{NO-BREAK SPACE}€",
                "30 juin 2026",
                "Disponibilité",
            ],
        ),
        ("en", ["99.97%", "June 2026", "€360.00", "30 June 2026", "Availability"]),
    ],
)
def test_figures_dates_and_amounts_are_written_as_the_readers_country_writes_them(
    language: str, said: list[str]
) -> None:
    t = catalogues().translator(language)
    sheet = report_sheet(issued(), t)
    html = sheet_page(sheet, BRAND, t, zone="Europe/Paris", at=issued().edition.issued_at).html.decode()
    pdf = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf_of(issued(), t))).pages)
    for text in said:
        plain = re.sub(r"\s", " ", text)
        assert plain in re.sub(r"\s", " ", html)
        assert plain.replace(" ", "") in re.sub(r"\s", "", pdf)


def test_a_workbook_has_every_measure_exactly_and_never_a_formula() -> None:
    parts = ReportParts.model_validate(examples.EDITION["report"]["parts"])  # type: ignore[call-overload,index]
    bad = parts.work[0].model_copy(update={"title": FORMULA, "number": None})
    edition = issued(work=[bad])
    t = catalogues().translator("fr")
    file = report_xlsx(edition, t)
    assert file == report_xlsx(edition, t)
    book = openpyxl.load_workbook(io.BytesIO(file))
    cells = [cell for page in book for row in page.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert FORMULA in {cell.value for cell in cells}
    measures = {(row[2], row[5]): row[6] for row in book.worksheets[0].iter_rows(values_only=True)}
    assert measures["uptime", "down_seconds"] == 900
    assert measures["uptime", "uptime_percent"] == 99.965277
    assert measures["settlement", "gross"] == 360
    assert len(book.worksheets) == 1 + len(report_sheet(edition, t).tables)
    lines = report_csv(edition.edition).splitlines()
    assert any(f"'{FORMULA[:10]}" in line for line in lines)
    assert not any(f",{FORMULA[:10]}" in line for line in lines)


def test_a_credit_and_hours_that_are_overdrawn_are_negative_numbers_in_every_file() -> None:
    parts = ReportParts.model_validate(examples.EDITION["report"]["parts"])  # type: ignore[call-overload,index]
    assert parts.settlement is not None
    assert parts.hours is not None
    owed = parts.settlement.model_copy(update={"net": "-30.00"})
    hours = parts.hours.model_copy(update={"remaining_minutes": -90})
    edition = issued(settlement=owed, hours=hours)
    lines = list(csv.DictReader(io.StringIO(report_csv(edition.edition))))
    told = {(line["subject"], line["id"], line["measure"]): line["value"] for line in lines}
    assert told["settlement", str(owed.settlement_id), "net"] == "-30.00"
    assert told["hours", "total", "remaining_minutes"] == "-90"
    book = openpyxl.load_workbook(io.BytesIO(report_xlsx(edition, catalogues().translator("fr"))))
    cells = {(row[2], row[3], row[5]): row[6] for row in book.worksheets[0].iter_rows(values_only=True)}
    assert cells["settlement", str(owed.settlement_id), "net"] == -30
    assert cells["hours", "total", "remaining_minutes"] == -90


@pytest.mark.parametrize("written", ["007", "1_000", "1e5", "100"])
def test_what_somebody_wrote_is_never_made_a_number(written: str) -> None:
    whole = issued()
    report = whole.edition.report
    decision = DecisionLine.model_validate(examples.DECISION_LINE).model_copy(update={"reason": written})
    told = report.model_copy(update={"uptime": report.uptime.model_copy(update={"decisions": [decision]})})
    edition = replace(whole, edition=whole.edition.model_copy(update={"report": told}))
    book = openpyxl.load_workbook(io.BytesIO(report_xlsx(edition, catalogues().translator("fr"))))
    (cell,) = [row[6] for row in book.worksheets[0].iter_rows() if row[5].value == "reason"]
    assert (cell.value, cell.data_type) == (written, "s")
    review = Review.model_validate(review_examples.REVIEW)
    risks = [each.model_copy(update={"owner_name": written}) for each in review.risks]
    rows = review_rows(review.model_copy(update={"risks": risks}))
    assert {row[5] for row in rows if row[4] == "owner_name" and row[0] == "risk"} == {written}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", ["99,97 %", "99,55 % ", "telle que mesurée", "Causée par un tiers"]),
        ("en", ["99.97%", "99.55%", "as it was measured", "Caused by a third party"]),
    ],
)
def test_a_figure_that_rests_on_a_decision_is_never_shown_without_the_one_before(
    language: str, said: list[str]
) -> None:
    whole = issued()
    report = whole.edition.report
    (figure, *rest) = report.uptime.figures
    before = AsMeasured.model_validate({**examples.AS_MEASURED, "uptime_display": "99.55", "met": False})
    decision = DecisionLine.model_validate(examples.DECISION_LINE)
    uptime = report.uptime.model_copy(
        update={"figures": [figure.model_copy(update={"as_measured": before}), *rest], "decisions": [decision]}
    )
    told = whole.edition.model_copy(update={"report": report.model_copy(update={"uptime": uptime})})
    edition = IssuedEdition(told, BRAND, whole.template, whole.content)
    t = catalogues().translator(language)
    pdf = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf_of(edition, t))).pages)
    book = openpyxl.load_workbook(io.BytesIO(report_xlsx(edition, t)))
    cells = " ".join(str(cell.value) for page in book for row in page.iter_rows() for cell in row)
    lines = {line["measure"]: line for line in csv.DictReader(io.StringIO(report_csv(told)))}
    assert lines["uptime_percent_as_measured"]["value"] == before.uptime_percent
    assert (lines["met"]["value"], lines["met_as_measured"]["value"]) == ("true", "false")
    assert (lines["reason"]["value"], lines["approved_by"]["value"]) == (decision.reason, decision.approved_by)
    for text in (*said, decision.reason, decision.proposed_by, decision.approved_by):
        plain = re.sub(r"\s", "", text)
        assert plain in re.sub(r"\s", "", pdf)
        assert plain in re.sub(r"\s", "", cells)


def test_a_review_for_programs_tells_each_figure_once_with_the_one_before_the_decisions_and_who_decided() -> None:
    example: dict[str, Any] = review_examples.FIGURE
    amended: dict[str, Any] = {"from": "2026-06-15T08:00:00Z", "as_measured": None}
    figures = [example, example | amended, example | {"environment_id": str(new_id())}]
    month: dict[str, Any] = review_examples.MONTH | {"figures": figures}
    trends = [
        {"measure": "uptime", "subject": "shop", "environment_id": new_id(), "direction": "same"} for _ in range(2)
    ]
    whole: dict[str, Any] = review_examples.REVIEW | {"months": [month, month | {"month": "2026-07"}], "trends": trends}
    rows = list(review_rows(Review.model_validate(whole)))
    told = {(subject, of, named, measure): value for subject, of, named, _, measure, value in rows}
    assert len(told) == len(rows)
    production = (f"{review_examples.FIGURE['environment_id']}/2026-05-31T22:00:00Z", "2026-06")
    measured = ("uptime_percent", "uptime_display", "target_percent", "met")
    after, before = [
        tuple(told.get(("environment", *production, measure + ending)) for measure in measured)
        for ending in ("", "_as_measured")
    ]
    assert after == (Decimal("99.965277"), Decimal("99.97"), Decimal("99.9"), "true")
    assert before == (Decimal("99.548611"), Decimal("99.55"), None, "false")
    assert [told["month", "", "2026-06", f"met{ending}"] for ending in ("", "_as_measured")] == ["true", "false"]
    decision = DecisionLine.model_validate(examples.DECISION_LINE)
    of = ("outage_decision", str(decision.outage_decision_id), "2026-06")
    assert [told[*of, measure] for measure in ("category", "reason", "proposed_by", "approved_by")] == [
        *(decision.category, decision.reason, decision.proposed_by, decision.approved_by),
    ]


def test_what_people_write_is_text_on_the_page_and_the_page_has_no_script() -> None:
    written = "<script>alert(1)</script>"
    parts = ReportParts.model_validate(examples.EDITION["report"]["parts"])  # type: ignore[call-overload,index]
    edition = issued(work=[parts.work[0].model_copy(update={"title": written})])
    t = catalogues().translator("en")
    page = sheet_page(report_sheet(edition, t), BRAND, t, zone="Europe/Paris", at=edition.edition.issued_at)
    assert b"<script" not in page.html
    assert b"&lt;script&gt;" in page.html
    assert "script-src" not in page.content_security_policy
    assert "default-src 'none'" in page.content_security_policy


@pytest.mark.capability("R40")
def test_the_four_pillars_are_there_and_an_empty_one_says_so() -> None:
    edition = issued(ReportTemplateContent(layout="pillars"), advisories=[], work=[])
    groups = [group for group in report_sheet(edition, catalogues().translator("en")).groups if group.title]
    assert [group.title for group in groups[:4]] == ["Security", "Stability", "Performance", "Controlled evolution"]
    stability = groups[1]
    assert [table.title for table in stability.tables] == ["Availability", "Incidents", "Response and repair"]
    assert [table.title for table in groups[2].tables] == ["Response times"]
    assert groups[3].tables == []
    assert groups[3].nothing == "There is nothing to report on this pillar for this period."
    t = catalogues().translator("fr")
    html = sheet_page(
        report_sheet(edition, t), BRAND, t, zone="Europe/Paris", at=edition.edition.issued_at
    ).html.decode()
    pdf = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf_of(edition, t))).pages)
    for title in ("Sécurité", "Stabilité", "Performance", "Évolution maîtrisée"):
        assert f"<h2>{title}</h2>" in html
        assert title in pdf
    assert html.count("Rien à signaler sur ce pilier") == 1


def test_every_table_of_the_sections_is_in_the_pillars_too() -> None:
    t = catalogues().translator("en")
    by_section = {table.code.partition("/")[0] for table in report_sheet(issued(), t).tables}
    by_pillar = {table.code.partition("/")[0] for table in report_sheet(issued(), t, "pillars").tables}
    assert by_section == by_pillar == {*SECTIONS, "changes"}


def test_an_agency_says_it_in_its_own_words_and_order() -> None:
    order = [SECTIONS[-1], *SECTIONS[:-1]]
    texts = TemplateTexts(
        introduction="Chère [CLIENT],\n\nvoici [MONTH].", closing="[AGENCY]", mail_subject="[MONTH] !"
    )
    edition = issued(ReportTemplateContent(order=order, fr=texts))
    sheet = report_sheet(edition, catalogues().translator("fr"))
    assert sheet.introduction == ["Chère Boulangerie Martin,", "voici juin 2026."]
    assert sheet.closing == ["Atelier Numérique"]
    assert [table.code for table in sheet.tables][:2] == ["changes", "sent"]
    assert letter(edition).subject == "juin 2026 !"
    assert letter(edition, "en").subject == "Report for June 2026 – Boulangerie Martin"


def test_a_mail_whose_template_asks_for_what_is_not_known_is_not_made() -> None:
    edition = issued(ReportTemplateContent(fr=TemplateTexts(mail_body="Bonjour [CONTACT], [LINK]")))
    assert letter(edition).body.startswith("Bonjour Léa Martin, https://")
    with pytest.raises(UnfilledVariable):
        letter(edition, name=" ")


def test_a_mail_says_what_is_noted_whatever_the_agency_writes() -> None:
    for template in (ReportTemplateContent(), ReportTemplateContent(fr=TemplateTexts(mail_body="[LINK]"))):
        assert "à ne pas être suivi" in letter(issued(template)).body


# --- the pseudo-language: every text in it stands in brackets, so that what was not translated shows ------------------


def pseudo() -> Translator:
    """French figures and dates, and every text of ours in white brackets."""
    texts = Catalog(locale="fr_FR", charset="utf-8")
    for message in extract(Path(reporting.__file__).parent):
        if message.id:
            plural = isinstance(message.id, tuple | list)
            string = tuple(f"⟦{each}⟧" for each in message.id) if plural else f"⟦{message.id}⟧"
            texts.add(message.id, string, context=message.context)
    return Catalogues({"fr": texts}).translator("fr")


DATA = re.compile(
    r"[\d.,:;/()–−·%€+-]+|\b(?:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre|à|h|min|"
    r"s|j|heures?|minutes?|secondes?|jours?|et|er|UTC|Europe Paris)\b"
)


def leaves(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [leaf for key, each in value.items() for leaf in leaves(each, key)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each, name)]
    return [(name, value)] if isinstance(value, str) else []


def without_brackets(text: str) -> str:
    inner = re.sub(r"⟦[^⟦⟧]*⟧", " ", text)
    return inner if inner == text else without_brackets(inner)


@pytest.mark.capability("R34")
@pytest.mark.parametrize("layout", ["sections", "pillars"])
def test_in_the_pseudo_language_nothing_stands_outside_of_brackets_but_facts(layout: Any) -> None:
    edition = issued()
    sheet = report_sheet(edition, pseudo(), layout)
    facts = " ".join(text for _, text in leaves(edition.edition.model_dump(mode="json")))
    outside = []
    for name, text in leaves(sheet.model_dump(mode="json")):
        if name in {"language", "band", "on_band", "heading", "author", "code"}:
            continue
        words = DATA.sub(" ", without_brackets(text)).split()
        outside += [word for word in words if word not in facts]
    assert outside == []


def test_a_settlement_that_comes_adds_to_the_report_and_corrects_nothing() -> None:
    edition = issued(settlement=None, deliverables=[]).edition
    settled = issued().edition.report
    following = next_edition(edition, settled, edition.commentary)
    assert following is not None
    assert (following.reason, {change.before for change in following.changes}) == ("addition", {None})
    worse = settled.model_copy(update={"uptime": settled.uptime.model_copy(update={"figures": []})})
    corrected = next_edition(edition, worse, edition.commentary)
    assert corrected is not None
    assert corrected.reason == "correction"


@pytest.mark.parametrize(
    ("language", "title", "told"),
    [
        (
            *("fr", "Ce que cette édition corrige"),
            {
                ("HT", "300,00 €", "-1 270,50 €"),
                ("Montant", "300,00 €", "-1 270,50 €"),
                ("Contrôles", "86 400", "86 399"),
            },
        ),
        (
            *("en", "What this edition corrects"),
            {
                ("Without VAT", "€300.00", "-€1,270.50"),
                ("Amount", "€300.00", "-€1,270.50"),
                ("Checks", "86,400", "86,399"),
            },
        ),
    ],
)
def test_amounts_and_counts_that_an_edition_corrects_are_written_as_elsewhere(
    language: str, title: str, told: set[tuple[str, str, str]]
) -> None:
    sheet = report_sheet(corrected({"checks": 86_400}, "300.00", {"checks": 86_399}, "-1270.50"), translator(language))
    (table,) = [table for table in sheet.tables if table.code == "changes"]
    rows = {tuple(re.sub(r"\s", " ", cell) for cell in row[1:]) for row in table.rows}
    assert told <= rows
    assert table.title == title


def test_every_figure_of_a_report_says_of_which_environment_and_which_stretch_it_is() -> None:
    whole = issued()
    report = whole.edition.report
    figure = next(each for each in report.uptime.figures if each.counts_for_sla)
    middle = figure.from_ + timedelta(days=10)
    stretches = [figure.model_copy(update={"to": middle}), figure.model_copy(update={"from_": middle})]
    staging = figure.model_copy(update={"environment_id": new_id(), "environment_name": "staging"})
    uptime = report.uptime.model_copy(update={"figures": [*stretches, staging]})
    told = whole.edition.model_copy(update={"report": report.model_copy(update={"uptime": uptime})})
    sheet = report_sheet(replace(whole, edition=told), translator("en"))
    labels = [tile.label for tile in sheet.tiles if tile.label.startswith("Availability")]
    assert len(set(labels)) == 3
    assert labels[2] == f"Availability · {figure.site_name} · staging"
    assert labels[0].startswith(f"Availability · {figure.site_name} · {figure.environment_name} (")
    assert len({chart.title for chart in sheet.charts}) == 2


def test_a_review_of_several_environments_says_of_which_each_figure_is() -> None:
    review = Review.model_validate(review_examples.REVIEW)
    (month, *months) = review.months
    (figure, *_) = month.figures
    other = figure.model_copy(update={"environment_id": new_id(), "environment": "shop · production"})
    several = review.model_copy(update={"months": [month.model_copy(update={"figures": [figure, other]}), *months]})
    t, notes, template = translator("en"), ReviewNotes(), our_template(review.kind)
    tables = {each.code: each for each in preview_sheet(several, notes, BRAND, template, t).tables}
    assert tables["months"].rows[0][1] == "2 figures, below"
    assert {row[0] for row in tables["environments"].rows} == {figure.environment, "shop · production"}
    one = {each.code: each for each in preview_sheet(review, notes, BRAND, template, t).tables}
    assert "environments" not in one
    assert "%" in one["months"].rows[0][1]


@pytest.mark.parametrize(("shortest", "days"), [("PT0S", 1), ("PT1H", 0)])
def test_the_days_of_a_chart_are_those_on_which_the_rule_counts_something(shortest: str, days: int) -> None:
    whole = issued()
    report = whole.edition.report
    figure = next(each for each in report.uptime.figures if each.counts_for_sla)
    since = figure.from_ + timedelta(days=9, hours=5)
    (span, *_) = figure.explanation
    down = span.model_copy(update={"from_": since, "to": since + timedelta(minutes=2), "state": "down"})
    rule = {**figure.rule, "minimum_outage": shortest}
    uptime = {"figures": [figure.model_copy(update={"explanation": [down], "rule": rule})]}
    told = report.model_copy(update={"uptime": report.uptime.model_copy(update=uptime)})
    edition = replace(whole, edition=whole.edition.model_copy(update={"report": told}))
    (chart,) = report_sheet(edition, translator("en")).charts
    assert sum(bar.height > 0 for bar in chart.bars) == days
    assert (chart.alternative == "No day had an interruption.") is (days == 0)


def test_an_edition_that_only_adds_does_not_say_that_it_corrects() -> None:
    before, settled = issued(settlement=None).edition, issued()
    following = next_edition(before, settled.edition.report, before.commentary)
    assert following is not None
    told = settled.edition.model_copy(update={"reason": following.reason, "changes": following.changes})
    titles = [table.title for table in report_sheet(replace(settled, edition=told), translator("en")).tables]
    assert "What this edition adds" in titles
    assert "What this edition corrects" not in titles


def translator(language: str) -> Translator:
    return catalogues().translator(language)


def corrected(checks: dict[str, int], amount: str, checks_now: dict[str, int], amount_now: str) -> IssuedEdition:
    """An edition that tells other response times and another amount than the one before."""

    def with_figures(checks: dict[str, int], amount: str) -> IssuedEdition:
        whole = issued()
        report = whole.edition.report
        assert report.parts.settlement is not None
        line, *lines = report.parts.settlement.lines
        owed = {"net": amount, "lines": [line.model_copy(update={"amount": amount}), *lines], "hash": amount}
        parts = report.parts.model_copy(update={"settlement": report.parts.settlement.model_copy(update=owed)})
        (times, *rest) = report.response_times
        update = {"parts": parts, "response_times": [times.model_copy(update=checks), *rest]}
        return replace(whole, edition=whole.edition.model_copy(update={"report": report.model_copy(update=update)}))

    before, after = with_figures(checks, amount).edition, with_figures(checks_now, amount_now)
    following = next_edition(before, after.edition.report, before.commentary)
    assert following is not None
    changes = {"reason": following.reason, "changes": following.changes}
    return replace(after, edition=after.edition.model_copy(update=changes))


def test_whatever_a_report_tells_an_edition_can_say_that_it_went() -> None:
    edition = issued().edition
    report = edition.report
    nothing = report.model_copy(
        update={
            "uptime": report.uptime.model_copy(update={"figures": [], "decisions": []}),
            "incidents": report.incidents.model_copy(update={"items": []}),
            "response_times": [],
            "parts": ReportParts(work=[], hours=None, deliverables=[], advisories=[], settlement=None, sent=[]),
        }
    )
    following = next_edition(edition, nothing, edition.commentary)
    told = {subject.kind for subject in told_of(report)}
    assert following is not None
    assert {change.subject for change in following.changes} == told
    assert told >= {"uptime", "incident", "promise", "response_time", "work", "hours", "deliverable", "settlement"}
