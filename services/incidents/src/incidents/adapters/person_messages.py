"""The door to the notifications for whoever wants to tell a person something: `application.people.Messages`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from incidents.adapters.channel_store import listening, message_row, queue_messages, rows_for_channels
from incidents.adapters.on_call_tables import AGENCY_MESSAGES
from incidents.application.people import Person
from incidents.domain.work_item import WorkItem
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
        mail = message_row(
            self._uow,
            incident,
            kind,
            fact=fact,
            details=details,
            recipient=person.email,
            language=person.language,
            audience=person.audience,
            person_id=person.id,
            not_before=not_before,
        )
        channels = rows_for_channels(
            self._uow,
            await listening(self._uow, [incident.subject.contract_id]),
            incident,
            kind,
            fact=fact,
            details=details,
            person_id=person.id,
            not_before=not_before,
        )
        queue_messages(self._uow, [mail, *channels])

    async def tell_agency(
        self, people: Sequence[Person], kind: str, *, fact: str, contract_id: UUID | None, details: Mapping[str, Any]
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
