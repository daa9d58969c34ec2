"""Alembic's entry: everything is in shared.migrations."""

from shared.migrations import run

run()
