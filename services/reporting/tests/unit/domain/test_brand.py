"""Whatever a brand asks for, its page can be read."""

from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.brand import (
    READABLE,
    VARIABLES,
    contrast,
    palette,
    palette_at_night,
    palette_on_paper,
    unreadable,
    with_variables,
)

COLOURS = st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True)


def test_contrast_is_that_of_the_standard() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert contrast("#777777", "#777777") == 1
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54


MIDDLE = st.sampled_from(["#777777", "#1877f2", "#e63946", "#8b5cf6"])
"""Neither white nor our ink reaches 4.5 : 1 on these."""


@given(COLOURS | MIDDLE, COLOURS | MIDDLE, COLOURS)
def test_every_text_is_readable_on_its_ground(primary: str, background: str, text: str) -> None:
    colours = palette(primary, background, text)
    for ink in (colours.ink, colours.muted, colours.link, colours.good, colours.warn, colours.bad, colours.none):
        assert contrast(ink, colours.paper) >= READABLE
    assert contrast(colours.on_band, colours.band) >= READABLE


def test_text_is_readable_on_grounds_throughout_the_cube_of_colours() -> None:
    shares = [f"{share:02x}" for share in range(0, 256, 17)]
    for ground in (f"#{red}{green}{blue}" for red in shares for green in shares for blue in shares):
        colours = palette(ground, ground, ground)
        assert contrast(colours.on_band, ground) >= READABLE, ground
        assert contrast(colours.ink, ground) >= READABLE, ground
        assert contrast(colours.muted, ground) >= READABLE, ground


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


@given(COLOURS | MIDDLE, COLOURS | MIDDLE, COLOURS)
def test_a_page_is_readable_at_night_too(primary: str, background: str, text: str) -> None:
    night = palette_at_night(primary, background, text)
    assert night.dark
    for ink in (night.ink, night.muted, night.link, night.good, night.warn, night.bad, night.none):
        assert contrast(ink, night.paper) >= READABLE
    assert contrast(night.on_band, night.band) >= READABLE


def test_a_brand_that_is_dark_stays_as_it_is() -> None:
    colours = ("#0ea5e9", "#0b1120", "#e2e8f0")
    assert palette_at_night(*colours) == palette(*colours)


@given(COLOURS | MIDDLE, COLOURS | MIDDLE, COLOURS)
def test_what_is_printed_is_readable_on_white_whatever_the_brand(primary: str, background: str, text: str) -> None:
    printed = palette_on_paper(primary, background, text)
    assert not printed.dark
    for ink in (printed.ink, printed.muted, printed.link, printed.good, printed.warn, printed.bad, printed.none):
        assert contrast(ink, "#ffffff") >= READABLE


NAMES = st.sampled_from([*VARIABLES, "paper", "no-such-name"])


@given(COLOURS, COLOURS, st.dictionaries(NAMES, COLOURS, max_size=8))
def test_single_colours_are_taken_as_far_as_they_can_be_read(
    primary: str, background: str, variables: dict[str, str]
) -> None:
    own = palette(primary, background, None)
    shown = with_variables(own, variables)
    wrong = unreadable(own, variables)
    for name, ground in VARIABLES.items():
        colour = getattr(shown, name.replace("-", "_"))
        kept = name not in variables or name in wrong
        assert kept or ground is None or contrast(colour, getattr(shown, ground)) >= READABLE
        assert colour == (getattr(own, name.replace("-", "_")) if kept else variables[name].lower())
    assert shown.paper == own.paper
