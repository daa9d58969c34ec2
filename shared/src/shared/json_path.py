"""JSONPath (RFC 9535) over answers of strangers: exact by the standard's compliance suite, bounded in work.

Two things in the standard can take for ever: descendant segments upon one another, and the regular expressions of
`match` and `search`. The first is counted, the second is given to RE2.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import FrameType
from typing import Any, NoReturn

from iregexp_check import check as is_iregexp
from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathQuery
from jsonpath_rfc9535.function_extensions import ExpressionType, FilterFunction

from shared.patterns import compiled

MOST_WORK = 1_000_000
"""Calls that one query may take: about a second. A megabyte of JSON without nested descendants needs fewer."""


class NotFoundOut(Exception):
    """The answer cannot be asked; the message says why."""


class _Expression(FilterFunction):
    """`match` and `search`: I-Regexp (RFC 9485) given to RE2."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]  # noqa: RUF012  (as the library declares it)
    return_type = ExpressionType.LOGICAL

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole

    def __call__(self, text: object, pattern: object) -> bool:
        if not isinstance(text, str) or not isinstance(pattern, str) or not is_iregexp(pattern):
            return False
        expression = _re2_of(pattern)
        try:
            return compiled(rf"\A(?:{expression})\z" if self._whole else expression).search(text) is not None
        except ValueError:
            return False


class _Environment(JSONPathEnvironment):
    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions["match"] = _Expression(whole=True)
        self.function_extensions["search"] = _Expression(whole=False)


_ENVIRONMENT = _Environment()


@lru_cache(maxsize=2048)
def query_of(path: str) -> JSONPathQuery:
    """The query, ready to be asked. Raises ValueError, with what is wrong, when it is none."""
    try:
        return _ENVIRONMENT.compile(path)
    except (JSONPathError, RecursionError) as error:
        raise ValueError(f"is not a JSONPath of RFC 9535 ({error})") from error


def values_at(path: str, document: Any) -> list[Any]:
    """What the query selects from a document. Raises NotFoundOut when that takes more work than it is worth."""
    query = query_of(path)
    try:
        with _at_most(MOST_WORK):
            return query.find(document).values()
    except _TooMuch:
        raise NotFoundOut("the JSONPath takes too much work on this answer: make it more specific") from None
    except (JSONPathError, RecursionError):
        raise NotFoundOut("the answer is nested too deeply for the JSONPath") from None


def json_of(text: str) -> Any:
    """A document as RFC 8259 has it. Raises NotFoundOut when the text is none."""
    try:
        return json.loads(text, parse_constant=_no_such_number)
    except RecursionError:
        raise NotFoundOut("the answer is nested too deeply to be read as JSON") from None
    except ValueError as error:
        told = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "a number"
        raise NotFoundOut(f"the answer is not JSON ({told})") from None


class _TooMuch(Exception):
    pass


@contextmanager
def _at_most(calls: int) -> Iterator[None]:
    """Interrupts this thread's Python once it has made so many calls: the library has no limit of its own.

    A count and not a clock, so that the same answer always comes to the same end.
    """
    left = calls

    def count(_frame: FrameType, _event: str, _argument: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooMuch

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)


def _re2_of(pattern: str) -> str:
    """I-Regexp in RE2's syntax: the dot stands for no line break, and there is no multi-line anything."""
    found, escaped, in_class = [], False, False
    for character in pattern:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "[":
            in_class = True
        elif character == "]":
            in_class = False
        elif character == "." and not in_class:
            found.append(r"[^\r\n]")
            continue
        found.append(character)
    return "".join(found)


def _no_such_number(name: str) -> NoReturn:
    raise ValueError(name)
