"""Templates and senders over PostgreSQL. Row-level security decides whose rows are there."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import aliased

from contracts.adapters.paper_tables import SenderRow, TemplateVersionRow
from contracts.adapters.rows import columns
from contracts.adapters.stores import Rows
from contracts.application.errors import Unknown
from contracts.application.paper_ports import TemplateKind, TemplateVersion
from contracts.application.senders import Sender
from shared.pagination import Page, Paging, paginate
from shared.unit_of_work import UnitOfWork


def version_of(row: TemplateVersionRow) -> TemplateVersion:
    return TemplateVersion.model_validate(columns(row))


class Papers(Rows[TemplateVersionRow]):
    row_type, key, noun = TemplateVersionRow, "code", "template version"

    async def newest(self, kind: TemplateKind, code: str) -> TemplateVersion | None:
        row = await self._session.scalar(
            select(TemplateVersionRow)
            .where(TemplateVersionRow.kind == kind, TemplateVersionRow.code == code)
            .order_by(TemplateVersionRow.number.desc())
            .limit(1)
        )
        return None if row is None else version_of(row)

    async def version(self, kind: TemplateKind, code: str, number: int) -> TemplateVersion:
        row = await self._session.get(TemplateVersionRow, (self._tenant_id, kind, code, number))
        if row is None:
            raise Unknown(self.noun, f"{number} of {code}")
        return version_of(row)

    async def all_newest(self, kind: TemplateKind) -> Sequence[TemplateVersion]:
        later = aliased(TemplateVersionRow)
        newer = select(later.number).where(
            later.kind == kind, later.code == TemplateVersionRow.code, later.number > TemplateVersionRow.number
        )
        rows = await self._session.scalars(
            select(TemplateVersionRow)
            .where(TemplateVersionRow.kind == kind, ~newer.exists())
            .order_by(TemplateVersionRow.code)
        )
        return [version_of(row) for row in rows]

    async def add(self, version: TemplateVersion) -> None:
        await self._insert(TemplateVersionRow(tenant_id=self._tenant_id, **version.model_dump()), "")

    async def sender(self) -> Sender | None:
        row = await self._session.get(SenderRow, self._tenant_id, populate_existing=True)
        return None if row is None else Sender.model_validate(row.content)

    async def put_sender(self, sender: Sender) -> None:
        content = sender.model_dump(mode="json")
        await self._session.merge(SenderRow(tenant_id=self._tenant_id, version=sender.version, content=content))
        await self._session.flush()


async def list_versions(uow: UnitOfWork, params: Paging, kind: TemplateKind, code: str) -> Page[TemplateVersion]:
    """The versions of a template, first to last."""
    row = TemplateVersionRow
    return await paginate(
        uow.session,
        select(row).where(row.kind == kind, row.code == code),
        columns=(row.number, row.code),
        params=params,
        to_item=version_of,
    )
