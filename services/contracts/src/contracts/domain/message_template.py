"""Texts with variables and conditional blocks: the whole language of an agency's own templates.

`[NAME]` stands for a value. A table stands alone on its line. `[?NAME]` … `[/NAME]` is there when the variable has a
value, `[!NAME]` … `[/NAME]` when it has none; blocks may be nested. Only capitals, digits and underscores in brackets
mean anything. What could be meant as a variable and is none (`[Mois]`, `[PRÉNOM]`, `[CLIENT ]`) is a fault; where it is
meant as text it stands in two brackets: `[[Support]]` is shown as `[Support]`. A value is never read again: what looks
like a variable in it stays as it is. There are no expressions, loops or calls, so nothing in a template or in a value
can do anything but be shown.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from shared.kernel.variable_names import NAME, WORDS, is_meant_as_variable, nearest_variable

DEEPEST: Final = 5
"""How many blocks may stand in one another."""

_WORDS: Final = rf"[^\S\r\n]{{0,9}}[?!/]?{WORDS}"
_MARK: Final = re.compile(
    r"(?m)"
    # A mark of a block alone on its line goes with its line.
    rf"(?:^[ \t]*\[(?P<alone>[?!/])(?P<alone_name>{NAME})\][ \t]*(?:\r?\n|\Z))"
    rf"|(?:\[(?!\[[?!/]?{NAME}\])(?P<text>\[{_WORDS}\])\])"
    rf"|(?:\[(?P<sign>[?!/]?)(?P<name>{NAME})\])"
)
_READ: Final = re.compile(rf"[?!/]?{NAME}")
_LOOKS_SO: Final = re.compile(rf"\[\[{_WORDS}\]\]|\[(?P<name>{_WORDS})\]")


class Kind(StrEnum):
    """What a variable stands for."""

    TEXT = "text"
    LINES = "lines"
    """A text of several lines: a signature. There is no room for one in a subject."""
    TABLE = "table"
    FLAG = "flag"
    """Yes or no: only a condition, never shown."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; `numeric` says which columns are figures."""

    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...] | None = None


Value: TypeAlias = str | bool | Table | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A place where a value is shown."""

    name: str


@dataclass(frozen=True, slots=True)
class Block:
    """What is there when a variable has a value; `negated`: when it has none."""

    name: str
    negated: bool
    inside: "tuple[Node, ...]"


Node: TypeAlias = str | Shown | Block
Piece: TypeAlias = str | Table


class Malformed(Exception):
    """A text that is no template. The message says what is wrong and what to do."""


class Unfilled(Exception):
    """A template asks for what is not known: it must not be sent."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(f"[{name}]" for name in names))
        self.names = tuple(names)


@dataclass
class _Open:
    name: str
    negated: bool
    inside: list[Node]


def parse(text: str) -> tuple[Node, ...]:
    """The parts of a template in their order.

    :raises Malformed: a block is not closed, is closed twice or in the wrong order, or stands too deep.
    """
    opened = [_Open("", False, [])]
    end = 0
    for match in _MARK.finditer(text):
        if match.start() > end:
            opened[-1].inside.append(text[end : match.start()])
        end = match.end()
        if match["text"] is not None:
            opened[-1].inside.append(match["text"])
            continue
        sign, name = match["alone"] or match["sign"], match["alone_name"] or match["name"]
        if not sign:
            opened[-1].inside.append(Shown(name))
        elif sign == "/":
            block = opened.pop()
            if not opened:
                raise Malformed(f"[/{name}] closes a block that was not opened: write [?{name}] or [!{name}] before it")
            if block.name != name:
                raise Malformed(f"[/{name}] closes the block of {block.name}: close that one first")
            opened[-1].inside.append(Block(name, block.negated, tuple(block.inside)))
        else:
            if len(opened) > DEEPEST:
                raise Malformed(f"[{sign}{name}] stands in more than {DEEPEST} blocks: take it out of some")
            opened.append(_Open(name, sign == "!", []))
    if len(opened) > 1:
        raise Malformed(f"the block of {opened[-1].name} is not closed: write [/{opened[-1].name}] at its end")
    if end < len(text):
        opened[-1].inside.append(text[end:])
    return tuple(opened[0].inside)


def shown(nodes: Sequence[Node]) -> Iterator[str]:
    """The variables that are shown somewhere, as often as they are."""
    for node in nodes:
        if isinstance(node, Shown):
            yield node.name
        elif isinstance(node, Block):
            yield from shown(node.inside)


def asked(nodes: Sequence[Node]) -> Iterator[str]:
    """The variables that decide whether a block is there, as often as they do."""
    for node in nodes:
        if isinstance(node, Block):
            yield node.name
            yield from asked(node.inside)


def faults(text: str, declared: Mapping[str, Kind], *, one_line: bool = False) -> list[str]:
    """All that is wrong with a text, given what its variables stand for. `one_line`: it has room for one line only."""
    try:
        nodes = parse(text)
    except Malformed as malformed:
        return [str(malformed)]
    found = []
    used = dict.fromkeys([*shown(nodes), *asked(nodes)])
    unknown = [name for name in used if name not in declared]
    found += [f"[{name}]: no such variable is declared{_meant(name, declared)}" for name in unknown]
    found += [
        f"[{name}]: no such variable is declared{_meant(name, declared)}; if it is meant as text, write [[{name}]]"
        for name in _look_like_variables(text, declared)
    ]
    known = [name for name in dict.fromkeys(shown(nodes)) if name in declared]
    flags = [name for name in known if declared[name] is Kind.FLAG]
    if flags:
        found.append(f"{_named(flags)}: yes or no cannot be shown; write [?{flags[0]}] … [/{flags[0]}] around a text")
    if one_line:
        return [*found, *_too_long_for_a_line(known, declared)]
    alone = [name for name in known if declared[name] is Kind.TABLE and not _alone(text, name)]
    return [*found, *(f"[{name}]: a table stands alone on its line" for name in alone)]


def faults_of_a_line(text: str, declared: Mapping[str, Kind]) -> list[str]:
    """What is wrong with a text that has room for one line only, when its variables are filled: no more than that.

    For texts that were kept when less was asked of them. What is in brackets and is no variable is text in them.
    """
    try:
        nodes = parse(text)
    except Malformed as malformed:
        return [str(malformed)]
    used = dict.fromkeys([*shown(nodes), *asked(nodes)])
    unknown = [f"[{name}]: no such variable is declared" for name in used if name not in declared]
    return [*unknown, *_too_long_for_a_line([name for name in shown(nodes) if name in declared], declared)]


def _too_long_for_a_line(names: Sequence[str], declared: Mapping[str, Kind]) -> Iterator[str]:
    for name in names:
        if declared[name] is Kind.LINES:
            yield f"[{name}]: there is no room for several lines here; put it into the body"
        elif declared[name] is Kind.TABLE:
            yield f"[{name}]: there is no room for a table here"


def _look_like_variables(text: str, declared: Collection[str]) -> list[str]:
    """What stands in brackets like a variable and is read as text."""
    found = dict.fromkeys(match["name"] for match in _LOOKS_SO.finditer(unicodedata.normalize("NFC", text)))
    return [
        name
        for name in found
        if name is not None and _READ.fullmatch(name) is None and is_meant_as_variable(name, declared)
    ]


def _meant(name: str, declared: Collection[str]) -> str:
    """The declared variable that was probably meant, if one is like it."""
    near = nearest_variable(name, declared)
    return "" if near is None else f"; the nearest is [{near}]"


def _named(names: Sequence[str]) -> str:
    return ", ".join(f"[{name}]" for name in names)


def _alone(text: str, name: str) -> bool:
    lines = [line.strip() for line in text.splitlines()]
    return all(line == f"[{name}]" for line in lines if f"[{name}]" in line)


def fill(text: str, values: Mapping[str, Value]) -> list[Piece]:
    """The text with its values: pieces of text, and tables between them. Blocks that are not there ask for nothing.

    :raises Malformed: as `parse`.
    :raises Unfilled: every variable that is to be shown and has no value, or a blank one, at once.
    """
    pieces: list[Piece] = []
    open_names: list[str] = []
    _fill(parse(text), values, pieces, open_names)
    if open_names:
        raise Unfilled(list(dict.fromkeys(open_names)))
    return pieces


def _fill(nodes: Sequence[Node], values: Mapping[str, Value], pieces: list[Piece], open_names: list[str]) -> None:
    for node in nodes:
        if isinstance(node, Block):
            if _there(values.get(node.name)) is not node.negated:
                _fill(node.inside, values, pieces, open_names)
        elif isinstance(node, Shown):
            value = values.get(node.name)
            if not _there(value) or isinstance(value, bool) or value is None:
                open_names.append(node.name)
            else:
                _add(pieces, value)
        else:
            _add(pieces, node)


def _add(pieces: list[Piece], piece: Piece) -> None:
    if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
        pieces[-1] += piece
    else:
        pieces.append(piece)


def _there(value: Value) -> bool:
    """Whether a variable has a value: a text that can be seen, a table with rows, or yes."""
    if isinstance(value, Table):
        return bool(value.rows)
    if isinstance(value, str):
        return bool(value.strip())
    return bool(value)
