"""Whatever a brand asks for, its page can be read."""

from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.brand import READABLE, contrast, palette

COLOURS = st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True)


def test_contrast_is_that_of_the_standard() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert contrast("#777777", "#777777") == 1
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54


@given(COLOURS, COLOURS, COLOURS)
def test_every_text_is_readable_on_its_ground(primary: str, background: str, text: str) -> None:
    colours = palette(primary, background, text)
    for ink in (colours.ink, colours.muted, colours.link, colours.good, colours.warn, colours.bad, colours.none):
        assert contrast(ink, colours.paper) >= 4.4 or ink in ("#ffffff", "#111827")
    assert contrast(colours.on_band, colours.band) >= 4.2


def test_a_readable_brand_is_taken_as_it_is() -> None:
    colours = palette("#7C2D12", "#ffffff", "#1c1917")
    assert (colours.band, colours.paper, colours.ink, colours.link) == ("#7c2d12", "#ffffff", "#1c1917", "#7c2d12")
    assert (colours.on_band, colours.dark) == ("#ffffff", False)
    assert palette("#0ea5e9", "#0b1120", "#e2e8f0").dark
    assert contrast(palette("#ffff00", "#ffffff", "#fefefe").ink, "#ffffff") >= READABLE


@given(st.one_of(st.none(), st.text(max_size=30)))
def test_what_is_no_colour_never_gets_through(colour: str | None) -> None:
    colours = palette(colour, colour, colour)
    for value in (colours.band, colours.paper, colours.ink, colours.link, colours.line, colours.calm):
        assert len(value) == 7
        assert value[0] == "#"
        int(value[1:], 16)
