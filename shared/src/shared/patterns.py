"""Regular expressions that cannot hang: RE2 takes time linear in the text, whatever the pattern.

What RE2 leaves out (back-references, looking around) is what makes an expression of Python take for ever.
"""

from functools import lru_cache

import re2

_PATTERN_MEMORY = 2 * 1024 * 1024
"""Bytes that a compiled pattern and its matching may take; a pattern that needs more is refused."""


@lru_cache(maxsize=2048)
def compiled(pattern: str, *, match_case: bool = True) -> "re2._Regexp[str]":
    """The pattern, ready to search with. Raises ValueError, with what is wrong, for what RE2 does not take."""
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = match_case
    options.max_mem = _PATTERN_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        told = error.args[0] if error.args else ""
        told = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        raise ValueError(
            f"is not a regular expression of RE2 ({told}); it knows no back-references and no looking around"
        ) from error
