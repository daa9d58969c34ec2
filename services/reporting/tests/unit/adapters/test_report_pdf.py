"""An edition on paper: what it says, how it is tagged, and that nothing written by somebody can break it."""

import io
from datetime import timedelta
from typing import Any

import pytest
from pypdf import PdfReader

from reporting.adapters.rendering import catalogues
from reporting.adapters.report_csv import report_csv
from reporting.adapters.report_pdf import pdf_of
from reporting.adapters.report_sheet import report_sheet
from reporting.application import examples
from reporting.application.editions import Commentary, Edition, IssuedEdition, next_edition
from reporting.application.report import Brand
from reporting.application.report_template import ReportTemplateContent


def issued(template: ReportTemplateContent | None = None, **changes: Any) -> IssuedEdition:
    edition = Edition.model_validate(examples.EDITION).model_copy(update=changes)
    brand = Brand("Boulangerie Martin", None, "#7c2d12", None, None)
    return IssuedEdition(edition, brand, template or ReportTemplateContent(), edition.report.model_dump_json())


def read(edition: IssuedEdition, language: str = "fr") -> PdfReader:
    return PdfReader(io.BytesIO(pdf_of(edition, catalogues().translator(language))))


def text_of(pdf: PdfReader) -> str:
    return "\n".join(page.extract_text() for page in pdf.pages)


@pytest.mark.parametrize(("language", "figure", "title"), [("fr", "99,97", "juin 2026"), ("en", "99.97%", "June 2026")])
def test_the_page_is_tagged_in_its_language_with_its_fonts_inside(language: str, figure: str, title: str) -> None:
    pdf = read(issued(), language)
    root: Any = pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert str(root["/Lang"]).startswith(language)
    assert "/StructTreeRoot" in root
    said = text_of(pdf)
    assert figure in said
    assert title in said
    pages: list[Any] = list(pdf.pages)
    fonts = [font.get_object() for page in pages for font in page["/Resources"]["/Font"].values()]
    descriptors = [font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object() for font in fonts]
    assert descriptors
    assert all({"/FontFile2", "/FontFile3"} & set(each) for each in descriptors)


def test_the_same_edition_gives_the_same_bytes() -> None:
    t = catalogues().translator("fr")
    assert pdf_of(issued(), t) == pdf_of(issued(), t)


def test_what_people_write_is_text_and_never_markup_and_letters_without_a_font_are_boxes() -> None:
    written = "#panic() $x$ *not bold* 東京\n\nSecond part"
    said = text_of(read(issued(commentary=Commentary(fr=written))))
    assert "#panic() $x$ *not bold* □□" in said
    assert "Second part" in said


def test_a_commentary_in_one_language_is_shown_in_the_other_too() -> None:
    assert report_sheet(issued(), catalogues().translator("en")).commentary == ["Une coupure chez l’hébergeur."]


def test_a_correction_says_what_it_was_before_as_people_read_it() -> None:
    table = report_sheet(issued(), catalogues().translator("en")).tables[0]
    assert table.title == "What this edition corrects"
    assert table.rows[0][1:] == ["Unavailable for", "10m", "15m"]


def test_the_chart_shows_the_day_of_the_outage_and_says_it_too() -> None:
    (chart,) = report_sheet(issued(), catalogues().translator("fr")).charts
    assert [bar.height for bar in chart.bars] == [1.0 if day == 9 else 0.0 for day in range(1, 31)]
    assert "9 juin 2026" in chart.alternative


def test_the_table_has_exact_figures_and_codes() -> None:
    lines = report_csv(issued().edition).splitlines()
    assert lines[0] == "month,edition,subject,id,name,measure,value"
    assert any(line.startswith("2026-06,2,uptime,") and line.endswith("uptime_percent,99.965277") for line in lines)


def test_a_reading_that_tells_the_same_later_makes_no_edition() -> None:
    last = issued().edition
    later = last.report.model_copy(update={"as_of": last.report.as_of + timedelta(days=1)})
    assert next_edition(last, later, last.commentary) is None
    other = next_edition(last, later, Commentary(en="New"))
    assert other is not None
    assert (other.number, other.reason, other.keep_content) == (3, "commentary", True)
