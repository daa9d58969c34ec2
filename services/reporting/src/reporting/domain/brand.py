"""Colours of an agency or a client, made safe and readable: WCAG 2.2 contrast, whatever the brand asks for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

READABLE: Final = 4.5
"""The contrast that text of normal size needs (WCAG 2.2, 1.4.3 level AA)."""

_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")
_INK: Final = "#111827"
_PAPER: Final = "#ffffff"
_BLACK: Final = "#000000"
"""For the grounds on which neither ink nor paper is read: black is on every one on which white is not."""

# Dark enough for light paper, light enough for dark paper. Meaning never rests on the colour alone.
_SIGNALS_ON_LIGHT: Final = {"good": "#166534", "warn": "#92400e", "bad": "#b91c1c", "none": "#4b5563"}
_SIGNALS_ON_DARK: Final = {"good": "#86efac", "warn": "#fcd34d", "bad": "#fca5a5", "none": "#d1d5db"}


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours for one page, each `#rrggbb`. Every text colour is readable on its ground.

    `calm` fills what is good without drawing the eye away from what is not.
    """

    paper: str
    ink: str
    muted: str
    line: str
    band: str
    on_band: str
    link: str
    good: str
    warn: str
    bad: str
    none: str
    calm: str
    dark: bool


def palette(primary: str | None, background: str | None, text: str | None) -> Palette:
    """The page's colours from a brand's three. What is no plain `#rrggbb` counts as not given; what cannot be read is
    replaced by what can."""
    band = _plain(primary) or "#1d4ed8"
    paper = _plain(background) or _PAPER
    strongest = _strongest(paper)
    dark = strongest == _PAPER
    wished = _plain(text)
    ink = wished if wished is not None and contrast(wished, paper) >= READABLE else strongest
    signals = {
        name: _readable(colour, paper, strongest)
        for name, colour in (_SIGNALS_ON_DARK if dark else _SIGNALS_ON_LIGHT).items()
    }
    return Palette(
        paper=paper,
        ink=ink,
        muted=_readable(_mix(ink, paper, 0.72), paper, ink),
        line=_mix(ink, paper, 0.18),
        band=band,
        on_band=_strongest(band),
        link=_readable(band, paper, ink),
        calm=_mix(signals["good"], paper, 0.62),
        dark=dark,
        **signals,
    )


VARIABLES: Final[Mapping[str, str | None]] = {
    "ink": "paper",
    "muted": "paper",
    "link": "paper",
    "good": "paper",
    "warn": "paper",
    "bad": "paper",
    "none": "paper",
    "on-band": "band",
    "line": None,
    "calm": None,
}
"""The colours of a page that may be set one by one, as its style sheet calls them, and the ground that each is read on;
None: nothing is read in it."""


def with_variables(own: Palette, variables: Mapping[str, str]) -> Palette:
    """The palette with single colours set, as far as they can be read: grounds may have changed since they were."""
    wrong = unreadable(own, variables)
    taken = {name: _plain(colour) for name, colour in variables.items() if name in VARIABLES and name not in wrong}
    colours: dict[str, Any] = {name.replace("-", "_"): colour for name, colour in taken.items() if colour is not None}
    return replace(own, **colours)


def unreadable(own: Palette, variables: Mapping[str, str]) -> Mapping[str, float]:
    """The variables that cannot be read on their ground, each with its contrast."""
    found: dict[str, float] = {}
    for name, colour in variables.items():
        ground, plain = VARIABLES.get(name), _plain(colour)
        if ground is not None and plain is not None and contrast(plain, getattr(own, ground)) < READABLE:
            found[name] = contrast(plain, getattr(own, ground))
    return found


def palette_at_night(primary: str | None, background: str | None, text: str | None) -> Palette:
    """The same brand for readers who asked their system for dark pages; a brand that is dark already stays as it is."""
    own = palette(primary, background, text)
    return own if own.dark else palette(primary, _INK, None)


def palette_on_paper(primary: str | None, background: str | None, text: str | None) -> Palette:
    """The same brand in print, where every ground is white: what is read on a light one is read there too, so a brand
    that is light stays as it is."""
    own = palette(primary, background, text)
    return palette(primary, _PAPER, None) if own.dark else own


def contrast(one: str, other: str) -> float:
    """The WCAG contrast ratio of two `#rrggbb` colours, from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _plain(colour: str | None) -> str | None:
    return colour.lower() if colour is not None and _HEX.fullmatch(colour) else None


def _strongest(ground: str) -> str:
    """White, ink or black: what is read on a ground, whichever it is."""
    best = max((_PAPER, _INK), key=lambda each: contrast(each, ground))
    return _readable(best, ground, max((_PAPER, _BLACK), key=lambda each: contrast(each, ground)))


def _readable(colour: str, ground: str, fallback: str) -> str:
    return colour if contrast(colour, ground) >= READABLE else fallback


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mix(one: str, other: str, share: float) -> str:
    mixed = (round(a * share + b * (1 - share)) for a, b in zip(_channels(one), _channels(other), strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
