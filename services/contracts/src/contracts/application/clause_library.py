"""The clauses that Upheld ships: wording to begin with, in French and English, that nobody has reviewed for anybody.

They are documents under control like the agency's own: a contract that names one is warned about until somebody who
knows the law has approved its version.
"""

import json
from importlib import resources
from typing import Any

from contracts.application.catalogue import Installed
from contracts.application.controlled_documents import NewControlledDocument, create_document
from contracts.application.ports import Workspace


async def install_clauses(work: Workspace) -> Installed:
    """The shipped clauses, as the agency's own. What the agency has under these names stays."""
    created: list[str] = []
    kept: list[str] = []
    for clause in _shipped():
        new = NewControlledDocument.model_validate({"kind": "clause", **clause})
        label = f"clause {new.code}"
        if await work.signing.documents.by_code(new.code):
            kept.append(label)
        else:
            await create_document(work, new)
            created.append(label)
    return Installed(created=created, kept=kept)


def _shipped() -> list[dict[str, Any]]:
    text = resources.files("contracts.application").joinpath("fixtures", "clauses.json").read_text("utf-8")
    clauses: list[dict[str, Any]] = json.loads(text)
    return clauses
