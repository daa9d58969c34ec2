"""Examples for the calculators (``tests/vectors/*.json``) and how an answer is compared with what they expect.

An example is ``{"id", "calculator", "why", "request", "expect"}``. Every key of ``expect`` must be in the answer with
that value, lists item by item; further keys of the answer are free. Numbers are compared as exact decimals.
``{"status": 422}`` means: refused with a problem document.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI

from shared.problems import MEDIA_TYPE, install_problem_handlers

REFUSED = {"status": 422}


@dataclass(frozen=True)
class Vector:
    """One example; ``request`` is posted as it is."""

    id: str
    calculator: str
    why: str
    request: dict[str, Any]
    expect: dict[str, Any]

    def __str__(self) -> str:
        return self.id


def read_vectors(path: Path) -> list[Vector]:
    """The examples of a file."""
    text = path.read_text("utf-8")
    exact = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    return [
        Vector(case["id"], case["calculator"], case["why"], raw["request"], case["expect"])
        for case, raw in zip(exact, json.loads(text), strict=True)
    ]


def calculator_client(router: APIRouter) -> httpx.AsyncClient:
    """A client of a router of calculators, which need nothing but problem documents around them."""
    app = FastAPI()
    app.include_router(router)
    install_problem_handlers(app)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://calculators")


async def refused_at(client: httpx.AsyncClient, request: dict[str, Any], *, calculator: str) -> list[str | None]:
    """The pointers of the problem with which a calculator refuses a request; fails unless it is a 422."""
    response = await client.post(f"/v1/calculators/{calculator}", json=request)
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == MEDIA_TYPE
    return [error.get("pointer") for error in response.json()["errors"]]


async def faults(client: httpx.AsyncClient, vector: Vector) -> list[str]:
    """What is wrong with the answer to an example; nothing if it is as expected."""
    response = await client.post(f"/v1/calculators/{vector.calculator}", json=vector.request)
    kind = response.headers["content-type"].partition(";")[0]
    if vector.expect == REFUSED:
        refused = response.status_code == 422 and kind == MEDIA_TYPE
        return [] if refused else [f"expected a 422 problem, got {response.status_code} {kind}: {response.text[:200]}"]
    if response.status_code != 200:
        return [f"expected 200, got {response.status_code}: {response.text[:500]}"]
    return differences(vector.expect, json.loads(response.text, parse_float=Decimal, parse_int=Decimal))


def differences(expected: Any, got: Any, path: str = "answer") -> list[str]:
    """Where an answer differs from what is expected, a line for each place."""
    if isinstance(expected, dict) and isinstance(got, dict):
        missing = [f"{path}.{key} is missing" for key in expected if key not in got]
        found = [key for key in expected if key in got]
        return missing + [line for key in found for line in differences(expected[key], got[key], f"{path}.{key}")]
    if isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            return [f"{path}: expected {len(expected)} items, got {len(got)}: {got}"]
        pairs = enumerate(zip(expected, got, strict=True))
        return [line for index, (left, right) in pairs for line in differences(left, right, f"{path}[{index}]")]
    if type(expected) is type(got) and expected == got:
        return []
    return [f"{path}: expected {expected!r}, got {got!r}"]
