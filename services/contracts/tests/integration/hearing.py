"""What other services tell of a contract, as the tests of this service say it."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from contracts.handlers import handlers
from shared.consumer import EventProcessor
from shared.ids import new_id

from .conftest import Installation

SERVICES = Path(__file__).parents[3]


class Others:
    """The other services, who speak of one contract by the examples that they publish, with other data."""

    def __init__(self, installation: Installation, tenant_id: UUID, contract: Any) -> None:
        self._processor = EventProcessor(handlers, installation.runtime.units, "contracts")
        self._now = installation.runtime.clock
        self._of = {"contract_id": contract["contract_id"], "client_id": contract["client_id"]}
        self._tenant_id = str(tenant_id)

    def said(self, name: str, version: int = 1, **data: Any) -> dict[str, Any]:
        """An event, not yet heard."""
        path = SERVICES / name.partition(".")[0] / "schemas" / "examples" / f"{name}.json"
        envelope: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        told = envelope["data"] | self._of | data
        if "version" in told:
            told["version"] = version
        changes = {"id": str(new_id()), "tenantid": self._tenant_id, "aggregateversion": version, "data": told}
        return envelope | changes | {"time": self._now.now().isoformat()}

    async def hear(self, *envelopes: dict[str, Any]) -> None:
        for envelope in envelopes:
            await self._processor.process(json.dumps(envelope).encode())

    async def say(self, name: str, version: int = 1, **data: Any) -> dict[str, Any]:
        envelope = self.said(name, version, **data)
        await self.hear(envelope)
        return envelope
