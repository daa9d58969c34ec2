"""Contracts as code over the running service: a document is planned, applied, exported, and applied somewhere else."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from hypothesis import given, settings as hypothesis_settings

from contracts.api.document_commands import apply, export, plan
from contracts.application.contract_document import document_schema
from contracts.settings import ContractsSettings
from shared.kernel.clock import FixedClock

from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES = Path(__file__).parents[2] / "examples"
HOTEL = (EXAMPLES / "hotel-du-lac.fr.yaml").read_text("utf-8")
SHOP = (EXAMPLES / "northwind-shop.en.yaml").read_text("utf-8")
YAML = {"Content-Type": "application/yaml"}


async def sent(agency: Agency, how: str, document: str, **headers: str) -> httpx.Response:
    return await agency.call("POST", f"/v1/contracts/{how}", content=document.encode(), headers={**YAML, **headers})


async def planned(agency: Agency, document: str, **headers: str) -> Any:
    answer = await sent(agency, "plan", document, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def applied(agency: Agency, document: str, **headers: str) -> Any:
    answer = await sent(agency, "apply", document, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def exported(agency: Agency, outcome: Any) -> str:
    answer = await agency.call("GET", f"/v1/contracts/{outcome['contract']['contract_id']}/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/yaml"
    return answer.text


def actions(outcome: Any) -> list[str]:
    return [operation["action"] for operation in outcome["operations"]]


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
async def test_every_example_is_planned_applied_once_and_true_afterwards(agency: Agency, example: Path) -> None:
    document = example.read_text("utf-8")
    before = await planned(agency, document)
    assert before["changed"]
    assert before["contract"] is None
    assert (await agency.get("/v1/contracts"))["data"] == []
    done = await applied(agency, document)
    assert actions(done) == actions(before)
    assert done["contract"]["status"] == "draft"
    again = await applied(agency, document)
    assert not again["changed"]
    assert again["operations"] == []
    assert again["contract"] == done["contract"]
    assert (await planned(agency, document))["operations"] == []
