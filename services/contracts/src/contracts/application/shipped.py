"""Everything that a new agency begins with: plans, calendars, sector presets and clauses, its own from then on."""

from collections.abc import Iterable

from contracts.application.catalogue import FIXTURES, CatalogueName, Installed, install_fixtures
from contracts.application.clause_library import install_clauses
from contracts.application.ports import Workspace
from contracts.application.sector_presets import install_presets


async def install_shipped(work: Workspace, catalogues: Iterable[CatalogueName] = FIXTURES) -> Installed:
    """Creates what is not there yet; what the agency has under these names stays as it is."""
    parts = [await install_fixtures(work, catalogues), await install_presets(work), await install_clauses(work)]
    return Installed(
        created=[label for part in parts for label in part.created],
        kept=[label for part in parts for label in part.kept],
    )
