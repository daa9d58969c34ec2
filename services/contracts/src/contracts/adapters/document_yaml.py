"""YAML as documents use it: mappings, lists and words. What YAML has beyond that is refused, not interpreted.

PyYAML (MIT, C parser, maintained, in our lock already) is used for its events alone, which carry lines and columns: we
build the values, so no tag, alias, merge key or YAML 1.1 type ever acts. strictyaml is unmaintained; ruamel.yaml
resolves types itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from pydantic import JsonValue

from contracts.domain.document_values import Path, Plain, meant

LARGEST = 256 * 1024
"""Bytes of a document; the largest contract that we know of has 40 KiB."""
MOST_VALUES = 20_000
DEEPEST = 40

_OTHER_BREAKS: Final = frozenset("\r\x85\u2028\u2029")
"""What YAML 1.1 folds like a line feed, unless it is escaped."""
_CONTROL: Final = yaml.reader.Reader.NON_PRINTABLE
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Place:
    """Where something stands in a text; both count from 1."""

    line: int
    column: int


class BadYaml(Exception):
    """The text cannot be read; the message says why and where."""

    def __init__(self, detail: str, place: Place) -> None:
        self.place = place
        super().__init__(f"Line {place.line}, column {place.column}: {detail}")


@dataclass(frozen=True)
class Text:
    """What was read: unquoted words are `Plain`. `places` tells where each value begins, a key's value at its key."""

    values: Any
    places: Mapping[Path, Place]

    def place_of(self, path: Path) -> Place:
        """Where the value at the path is, or would be: the nearest place above one that is not there."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))


def read(content: bytes) -> Text:
    """The values of a document. Raises BadYaml."""
    if len(content) > LARGEST:
        raise BadYaml(f"The document has more than {LARGEST // 1024} KiB. Say less.", Place(1, 1))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadYaml("The text is not UTF-8.", Place(line, 1)) from None
    # The parser refuses it too, and does not say where.
    control = _CONTROL.search(text)
    if control is not None:
        before = text[: control.start()].rpartition("\n")
        place = Place(before[0].count("\n") + len(before[1]) + 1, len(before[2]) + 1)
        raise BadYaml("A control character stands here. Remove it.", place)
    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        said = ", ".join(str(part) for part in (error.context, error.problem) if part)
        raise BadYaml(f"This is not YAML: {said}.", _place(error.problem_mark or error.context_mark)) from None
    except yaml.YAMLError as error:
        raise BadYaml(f"This is not YAML: {str(error).splitlines()[0]}.", Place(1, 1)) from None
    return reader.read()


def _place(mark: Any) -> Place:
    return Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)


@dataclass
class _Reader:
    """Builds values from the events of a parser. The stack holds what is open, each with its path."""

    places: dict[Path, Place] = field(default_factory=dict)
    _root: Any = None
    _documents: int = 0
    _count: int = 0
    _stack: list[tuple[Path, Any]] = field(default_factory=list)
    _key: list[str | None] = field(default_factory=list)
    """For each open mapping the key whose value comes next; None when a key comes next."""

    def take(self, event: yaml.Event) -> None:
        place = _place(event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise BadYaml("A second document begins here. Send one at a time.", place)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise BadYaml("Anchors and aliases are not read. Write the value out.", place)
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise BadYaml(f"The tag {tag} is not read. Write the value without it.", place)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, place)
        elif isinstance(event, yaml.MappingStartEvent):
            self._open({}, place)
            self._key.append(None)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open([], place)
        elif isinstance(event, yaml.MappingEndEvent):
            self._stack.pop()
            self._key.pop()
        elif isinstance(event, yaml.SequenceEndEvent):
            self._stack.pop()

    def read(self) -> Text:
        return Text(self._root, self.places)

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> None:
        value: str = event.value
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise BadYaml("A character here cannot be stored.", place)
        if self._stack and isinstance(self._stack[-1][1], dict) and self._key[-1] is None:
            self._take_key(value, place)
            return
        # style is None for what stands there without quotes and is no block
        self._put(Plain(value) if event.style in (None, "") else value, place)

    def _take_key(self, key: str, place: Place) -> None:
        path, mapping = self._stack[-1]
        if key in mapping:
            first = self.places[(*path, key)]
            raise BadYaml(f"The key {key[:100]} is there twice, first in line {first.line}.", place)
        self._key[-1] = key
        self.places[(*path, key)] = place

    def _open(self, container: Any, place: Place) -> None:
        if self._stack and isinstance(self._stack[-1][1], dict) and self._key[-1] is None:
            raise BadYaml("A key is a word, not a list or a mapping.", place)
        if len(self._stack) >= DEEPEST:
            raise BadYaml(f"This is nested more than {DEEPEST} deep.", place)
        self._stack.append((self._put(container, place), container))

    def _put(self, value: Any, place: Place) -> Path:
        self._count += 1
        if self._count > MOST_VALUES:
            raise BadYaml(f"The document has more than {MOST_VALUES} values.", place)
        if not self._stack:
            self._root = value
            self.places[()] = place
            return ()
        above, container = self._stack[-1]
        if isinstance(container, list):
            path: Path = (*above, len(container))
            container.append(value)
        else:
            key = self._key[-1]
            assert key is not None  # a key came before
            path = (*above, key)
            container[key] = value
            self._key[-1] = None
        self.places.setdefault(path, place)
        return path


def write(values: Mapping[str, JsonValue], comment: str = "") -> str:
    """The one text of a document: keys in their order, two spaces, no line broken. Text that could be read as something
    else, by us or by a reader of YAML 1.1, stands in quotes."""
    body: str = yaml.dump(
        values, Dumper=_Writer, sort_keys=False, allow_unicode=True, default_flow_style=False, width=2**20
    )
    return (f"# {comment}\n" if comment else "") + body


class _Writer(yaml.SafeDumper):
    """Lists stand below their key, and nothing is an alias of anything."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _written(writer: _Writer, text: str) -> yaml.ScalarNode:
    style = None
    if not _OTHER_BREAKS.isdisjoint(text):
        style = '"'
    elif "\n" in text:
        style = "|"
    elif not isinstance(meant(text, None), str) or _is_a_number_elsewhere(text):
        style = "'"
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _is_a_number_elsewhere(text: str) -> bool:
    """YAML 1.2 reads 1e3 as a number; the writer knows the numbers of YAML 1.1."""
    try:
        float(text)
    except ValueError:
        return False
    return True


_Writer.add_representer(str, _written)
