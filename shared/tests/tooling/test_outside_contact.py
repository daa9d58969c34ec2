"""Whoever speaks to others, or unpacks what they made, is known by name; waits have an end, and secrets no timing."""

from __future__ import annotations

from pathlib import Path

import check_outside_contact
import pytest
from workspace import ROOT


def found_in(root: Path) -> list[str]:
    return [str(violation) for violation in check_outside_contact.find_violations(root)]


def plant(root: Path, text: str) -> str:
    path = "services/incidents/src/incidents/adapters/stray.py"
    (root / path).parent.mkdir(parents=True)
    (root / path).write_text(text, encoding="utf-8")
    return path


def test_the_sources_keep_to_it() -> None:
    assert found_in(ROOT) == []


@pytest.mark.parametrize(
    "text",
    [
        "import requests",
        "import pycurl as fast",
        "from urllib.request import urlopen",
        "import socket",
        "import httpx\nclient = httpx.AsyncClient(timeout=1)",
        "import httpx\nasync def fetch(http: httpx.AsyncClient) -> None: ...",
        "import httpx\ndef f(url):\n    return httpx.stream('GET', url, timeout=1)",
        "import httpx\ntransport = httpx.AsyncHTTPTransport()",
        "import nats\nasync def f():\n    await nats.connect('x', connect_timeout=1)",
        "import email\ndef f(raw):\n    return email.message_from_bytes(raw)",
        "import asyncio\nasync def f():\n    await asyncio.open_connection('x', 1)",
        "async def f(loop):\n    await loop.create_connection(None, 'x', 1)",
        "from dns import resolver",
        "import zipfile",
        "from xml.etree import ElementTree",
        "import yaml",
        "import pickle",
        "import csv",
        "import xlsxwriter",
        "import subprocess\nsubprocess.run(['ls'])",
        "import psycopg\npsycopg.connect('x')",
        "import psycopg\npsycopg.connect('x', connect_timeout=None)",
        "def f(client):\n    client.get('x', verify=False)",
        "def f(token, given):\n    return token == given",
        "def f(settings, given):\n    return given != settings.portal_secret",
        "def f(secret, given):\n    return secret.get_secret_value() == given",
    ],
)
def test_a_new_place_is_found(tmp_path: Path, text: str) -> None:
    path = plant(tmp_path, text)
    found = found_in(tmp_path)
    assert found
    assert all(each.startswith(path) for each in found)


@pytest.mark.parametrize(
    "text",
    [
        "import httpx\ntry:\n    ...\nexcept httpx.HTTPError:\n    ...",
        "import psycopg\npsycopg.connect('x', connect_timeout=5)",
        "def f(kind):\n    return kind == 'token'",
        "def f(token):\n    return token == ''",
        "import hmac\ndef f(token, given):\n    return hmac.compare_digest(token, given)",
        "from email.utils import parseaddr",
    ],
)
def test_what_is_harmless_passes(tmp_path: Path, text: str) -> None:
    plant(tmp_path, text)
    assert found_in(tmp_path) == []
