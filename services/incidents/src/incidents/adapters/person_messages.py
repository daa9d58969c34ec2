"""The door to the notifications for whoever wants to tell a person something: `application.people.Messages`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from incidents.adapters.on_call_tables import AGENCY_MESSAGES
from incidents.adapters.tables import NOTIFICATIONS
from incidents.application.people import Person
from incidents.domain.work_item import WorkItem
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork


class QueuedMessages:
    """Rows that jobs send: mail about an item in `notification`, mail about none in `agency_message`."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def tell_person(
        self,
        incident: WorkItem,
        person: Person,
        kind: str,
        *,
        fact: str,
        details: Mapping[str, Any],
        not_before: datetime | None = None,
    ) -> None:
        row = {
            "id": new_id(),
            "tenant_id": self._uow.tenant_id,
            "client_id": incident.subject.client_id,
            "item_id": incident.id,
            "kind": kind,
            "fact": fact,
            "channel": "mail",
            "audience": person.audience,
            "recipient": person.email,
            "language": person.language,
            "details": dict(details),
            "state": "pending",
            "attempts": 0,
            "created_at": self._uow.now,
            "next_attempt_at": not_before or self._uow.now,
        }
        # Core, not ORM: RETURNING would make row-level security ask whether the caller may read these rows.
        await self._uow.session.execute(insert(NOTIFICATIONS).values(row).on_conflict_do_nothing())

    async def tell_agency(
        self, people: Sequence[Person], kind: str, *, fact: str, contract_id: UUID, details: Mapping[str, Any]
    ) -> None:
        rows = [
            {
                "tenant_id": self._uow.tenant_id,
                "contract_id": contract_id,
                "kind": kind,
                "fact": fact,
                "recipient": person.email,
                "language": person.language,
                "details": dict(details),
                "state": "pending",
                "attempts": 0,
                "created_at": self._uow.now,
                "next_attempt_at": self._uow.now,
            }
            for person in people
        ]
        if rows:
            await self._uow.session.execute(insert(AGENCY_MESSAGES).values(rows).on_conflict_do_nothing())
