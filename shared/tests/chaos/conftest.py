"""`--chaos=long` makes the storm a long one."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos", choices=("short", "long"), default="short", help="how long the storm lasts")
