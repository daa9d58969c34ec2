"""A real browser in front of the real service."""

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is. Debian's: a browser that a package downloads by itself is another one on each machine."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        pytest.skip("no Chromium is found: install one (Debian: apt-get install chromium), as .ci/run does")
    return found


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """Chromium without a window. Every name leads to this machine, so that a page can be on a domain of its own."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=chromium, args=[*sandbox, "--host-resolver-rules=MAP * 127.0.0.1"]
        )
        yield started
        await started.close()
