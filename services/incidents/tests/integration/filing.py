"""Writing records through the API, as tests do it."""

from typing import Any

import httpx

from .conftest import Agreement, Desk


class Filing:
    """Records of one agreement, written by its agency, on one item."""

    def __init__(self, desk: Desk, agreement: Agreement, client: httpx.AsyncClient, item_id: str) -> None:
        self.desk = desk
        self.agreement = agreement
        self.client = client
        self.item_id = item_id
        self.under = {"contract_id": str(agreement.contract_id)}

    async def post(self, path: str, body: dict[str, Any], status: int = 201) -> dict[str, Any]:
        answer = await self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    async def on_item(self, path: str, body: dict[str, Any], status: int = 201) -> dict[str, Any]:
        return await self.post(path, {"item_id": self.item_id} | body, status)

    async def put(self, path: str, body: dict[str, Any], version: int, status: int = 200) -> dict[str, Any]:
        answer = await self.client.put(path, json=body, headers={"If-Match": f'"{version}"'})
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    async def listed(self, path: str, **params: Any) -> list[dict[str, Any]]:
        answer = await self.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    async def new_item(self) -> str:
        body = self.under | {"severity": "major", "title": "Checkout shows an error"}
        return str((await self.post("/v1/incidents", body))["incident_id"])

    async def act(self, act: str, status: int = 200) -> dict[str, Any]:
        return await self.post(f"/v1/incidents/{self.item_id}/{act}", {}, status)

    async def timeline(self) -> list[tuple[str, str]]:
        entries = await self.listed(f"/v1/incidents/{self.item_id}/timeline")
        return [(entry["kind"], entry["audience"]) for entry in entries]

    async def said(self, aggregate: str) -> list[dict[str, Any]]:
        published = await self.desk.said(self.agreement.tenant_id)
        return [data for name, _, data in published if name == f"{aggregate}.recorded.v1"]


def wrong_at(answer: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in answer["errors"]]
