"""An edition on paper: what it says, how it is tagged, and that nothing written by somebody can break it."""

import io
import struct
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pypdfium2
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
from reporting.domain.brand import READABLE, contrast


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


def picture(pixels: bytes, width: int = 40, height: int = 20) -> bytes:
    """A PNG in true colours; `pixels` is what its rows are unpacked to."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


LOGO_COLOUR = (0x00, 0xFF, 0x7F)
LOGO = picture((b"\0" + bytes(LOGO_COLOUR) * 40) * 20)


def with_logo(content: bytes, **brand: Any) -> IssuedEdition:
    known = issued()
    return replace(known, brand=replace(known.brand, logo="0" * 16, picture=content, **brand))


def figures(element: Any) -> Iterator[str]:
    """What is said in place of each picture of a tagged file, in the order of reading."""
    element = element.get_object()
    if isinstance(element, list):
        for each in element:
            yield from figures(each)
    elif isinstance(element, dict):
        if element.get("/S") == "/Figure":
            yield str(element["/Alt"])
        if "/K" in element:
            yield from figures(element["/K"])


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_logo_stands_at_the_head_with_its_name_for_who_does_not_see_it_beside_that_of_the_agency(
    language: str,
) -> None:
    file = pdf_of(with_logo(LOGO), catalogues().translator(language))
    pdf = PdfReader(io.BytesIO(file))
    root: Any = pdf.trailer["/Root"]
    first, *charts = figures(root["/StructTreeRoot"])
    assert first == "Boulangerie Martin"
    assert len(charts) == 1
    assert text_of(pdf).startswith("Atelier Numérique"), "who wrote it, before anything else"
    assert file == pdf_of(with_logo(LOGO), catalogues().translator(language)), "the same bytes"
    with pypdfium2.PdfDocument(file) as drawn_file:
        width, height, colours = drawn(drawn_file[0])
        places = [place for place, colour in enumerate(colours) if colour == LOGO_COLOUR]
        assert len(places) > 30 * 15, "not smaller than it is"
        assert max(place // width for place in places) < height / 8
        _, _, after = drawn(drawn_file[1])
        assert LOGO_COLOUR not in after


def test_a_document_without_a_logo_has_its_chart_for_a_figure_and_nothing_else() -> None:
    root: Any = read(issued()).trailer["/Root"]
    assert len(list(figures(root["/StructTreeRoot"]))) == 1


def test_a_logo_that_cannot_be_drawn_is_left_out_and_the_report_is_made() -> None:
    t = catalogues().translator("fr")
    no_such_filter = picture((b"\x09" + bytes(LOGO_COLOUR) * 40) * 20)
    assert pdf_of(with_logo(no_such_filter), t) == pdf_of(issued(), t)


@pytest.mark.parametrize("primary", [None, "#fde047", "#0b0b0b", "#ffffff", "#7c2d12", "#808080"])
@pytest.mark.parametrize("background", [None, "#101010"])
@pytest.mark.parametrize("variables", [{}, {"link": "#fde047", "on-band": "#808080"}])
def test_whatever_the_brand_asks_for_its_headings_are_read_on_paper_and_the_name_in_its_band(
    primary: str | None, background: str | None, variables: dict[str, str]
) -> None:
    brand = Brand("Martin", None, primary, background, None, variables=variables)
    colours = report_sheet(replace(issued(), brand=brand), catalogues().translator("fr")).colours
    assert contrast(colours.heading, "#ffffff") >= READABLE
    assert contrast(colours.on_band, colours.band) >= READABLE


WORD = "e" * 90
"""Nothing says where it may be broken."""
LONG = {"boulangerie-martin.example": f"www.{WORD}.example", "Home page does not answer": f"Une panne {WORD}"}
MARGIN = 40.0
"""Points around what is printed that stay white: about 14 mm."""
PRIMARY = (0x7C, 0x2D, 0x12)


def written_as(words: dict[str, str]) -> IssuedEdition:
    """The edition of the examples with other words in it."""
    raw = issued().edition.model_dump_json()
    for old, new in words.items():
        assert old in raw
        raw = raw.replace(old, new)
    return issued(**dict(Edition.model_validate_json(raw)))


def drawn(page: Any) -> tuple[int, int, list[tuple[int, int, int]]]:
    """Width and height in pixels, one for each point, and the colours row by row."""
    bitmap = page.render(scale=1, rev_byteorder=True, force_bitmap_format=pypdfium2.raw.FPDFBitmap_BGRx)
    data = bytes(bitmap.buffer)
    rows = [data[at : at + 4 * bitmap.width] for at in range(0, bitmap.stride * bitmap.height, bitmap.stride)]
    colours = [(row[at], row[at + 1], row[at + 2]) for row in rows for at in range(0, len(row), 4)]
    return bitmap.width, bitmap.height, colours


def boxes(page: Any) -> Iterator[tuple[float, float, float, float]]:
    """Where text stands: left, bottom, right, top in points."""
    text = page.get_textpage()
    for number in range(text.count_rects()):
        yield text.get_rect(number)


def over_each_other(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return min(one[2], other[2]) - max(one[0], other[0]) > 1 and min(one[3], other[3]) - max(one[1], other[1]) > 1


@pytest.mark.parametrize("words", [{}, LONG])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_who_looks_at_a_page_sees_the_brand_and_all_text_inside_of_white_margins_and_none_over_another(
    language: str, words: dict[str, str]
) -> None:
    with pypdfium2.PdfDocument(pdf_of(written_as(words), catalogues().translator(language))) as pdf:
        assert len(pdf) > 1
        for number, page in enumerate(pdf):
            width, height, colours = drawn(page)
            assert (width, height) == (596, 842), "A4 upright"
            ink = sum(min(colour) < 128 for colour in colours) / len(colours)
            assert 0.005 < ink < 0.2, "neither blank nor black"
            around = [
                colour
                for place, colour in enumerate(colours)
                if not MARGIN < place % width < width - MARGIN or not MARGIN < place // width < height - 20
            ]
            assert set(around) == {(255, 255, 255)}
            assert not [pair for pair in combinations(boxes(page), 2) if over_each_other(*pair)]
            band = Counter(colours[: width * height // 10])[PRIMARY]
            assert (band > width) == (number == 0), "the colour of the brand above the first page"


def test_the_four_figures_of_the_summary_stand_two_by_two() -> None:
    with pypdfium2.PdfDocument(pdf_of(issued(), catalogues().translator("en"))) as pdf:
        page = pdf[0].get_textpage()
        placed = {page.get_text_bounded(*box).strip(): box[:2] for box in reversed([*boxes(pdf[0])])}
    labels = ["Availability · boulangerie-martin.example", "Incidents", "Answered in time", "Repaired in time"]
    first, second, third, fourth = (placed[each] for each in labels)
    # Within some points: letters reach below the line, or do not.
    assert (third[0], fourth[0]) == pytest.approx((first[0], second[0]), abs=3)
    assert (second[1], fourth[1]) == pytest.approx((first[1], third[1]), abs=3)
    assert first[0] < second[0]
    assert first[1] > third[1]


ALONE = """
import sys
from pathlib import Path
from reporting.adapters.rendering import catalogues
from reporting.adapters.report_pdf import pdf_of
from reporting.application import examples
from reporting.application.editions import Edition, IssuedEdition
from reporting.application.report import Brand
from reporting.application.report_template import ReportTemplateContent
edition = Edition.model_validate(examples.EDITION)
issued = IssuedEdition(edition, Brand("Martin", None, None, None, None), ReportTemplateContent(), "{}")
sys.stdout.buffer.write(pdf_of(issued, catalogues().translator("fr")))
maps = Path("/proc/self/maps")
sys.stderr.write(maps.read_text() if maps.exists() else "")
"""


def test_a_page_is_made_with_an_empty_environment_its_own_fonts_and_no_library_that_draws(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-I", "-c", ALONE], capture_output=True, env={}, cwd=tmp_path, check=True)
    pages: list[Any] = list(PdfReader(io.BytesIO(run.stdout)).pages)
    fonts = {str(font.get_object()["/BaseFont"]) for page in pages for font in page["/Resources"]["/Font"].values()}
    names = {name.partition("+")[2].partition("-")[0] for name in fonts}
    assert names == {"LibertinusSerif"}, "what the wheel of Typst brings, and nothing of this machine's"
    files = {line.split(maxsplit=5)[5] for line in run.stderr.decode().splitlines() if line.count("/") > 1}
    ours = (str(Path(sys.prefix)), str(Path(sys.base_prefix) / "lib" / "python"))
    foreign = {Path(file).name for file in files if not file.startswith(ours)}
    drawing = ("libpango", "libcairo", "libfontconfig", "libfreetype", "libharfbuzz", "libgobject", "libgdk")
    assert [each for each in foreign if each.startswith(drawing) or each.endswith((".ttf", ".otf"))] == []
