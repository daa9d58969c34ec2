"""Which months are reviewed together."""

from typing import Final, Literal, TypeAlias

ReviewKind: TypeAlias = Literal["quarterly", "annual", "institutional"]
LENGTHS: Final[dict[ReviewKind, int]] = {"quarterly": 3, "annual": 12, "institutional": 1}
"""In months."""
