"""Which pillar work belongs to."""

from typing import get_args

import pytest

from reporting.application.report_parts import WorkKind
from reporting.domain.pillars import PILLARS, pillar_of_work


@pytest.mark.parametrize("kind", get_args(WorkKind))
@pytest.mark.parametrize("category", [None, "corrective", "preventive", "evolutionary", "something new"])
def test_every_kind_of_work_has_a_pillar(kind: str, category: str | None) -> None:
    assert pillar_of_work(kind, category) in PILLARS


def test_what_evolves_is_evolution_and_a_warning_is_security() -> None:
    assert pillar_of_work("request", "evolutionary") == "evolution"
    assert pillar_of_work("change", "corrective") == "evolution"
    assert pillar_of_work("request", "corrective") == "stability"
    assert pillar_of_work("warning", "certificate") == "security"
