"""The four pillars by which a report may be laid out: what protects the client's investment."""

from typing import Final, Literal, TypeAlias

Pillar: TypeAlias = Literal["security", "stability", "performance", "evolution"]
PILLARS: Final[tuple[Pillar, ...]] = ("security", "stability", "performance", "evolution")

_BY_KIND: Final[dict[str, Pillar]] = {
    "warning": "security",
    "change": "evolution",
    "deployment": "evolution",
    "work_order": "stability",
    "intervention": "stability",
    "restore_test": "stability",
    "request": "stability",
}
_BY_CATEGORY: Final[dict[str, Pillar]] = {"evolutionary": "evolution"}


def pillar_of_work(kind: str, category: str | None) -> Pillar:
    """Which pillar something that was done belongs to; what evolves belongs to evolution whatever it is called."""
    return _BY_CATEGORY.get(category or "") or _BY_KIND.get(kind, "stability")
