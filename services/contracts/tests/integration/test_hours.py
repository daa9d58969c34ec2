"""The hours of a contract over the real service: agreed, worked, closed, told late, reviewed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.adapters.workspace import workspace_of
from contracts.application.hours import HoursMonth, close_hours_month, hours_of_period
from contracts.application.hours_terms import TEN_HOURS
from contracts.domain.contract_hours import days_of
from contracts.handlers import handlers
from contracts.jobs.hours import review_years, watch_growth
from contracts.published.hours_v1 import HoursReviewProposed, HoursThresholdReached, ReactivityDegraded
from contracts.published.v1 import ContractActivated
from shared.consumer import EventProcessor
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.testing.events import EventFactory

from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST_OF_JUNE = datetime(2026, 6, 1, 7, tzinfo=UTC)
