"""The template of an agency: one row, or none while it uses ours."""

from typing import Any

from sqlalchemy.dialects.postgresql import insert

from reporting.adapters.report_tables import ReportTemplate
from reporting.application.report_template import ReportTemplateContent
from shared.unit_of_work import UnitOfWork


async def template_row(uow: UnitOfWork, *, lock: bool = False) -> ReportTemplate | None:
    """The agency's own template; None while it has none."""
    return await uow.session.get(ReportTemplate, uow.tenant_id, with_for_update=lock or None)


async def template_of(uow: UnitOfWork) -> ReportTemplateContent:
    """The agency's template, or ours."""
    row = await template_row(uow)
    return ReportTemplateContent() if row is None else ReportTemplateContent.model_validate(row.content)


async def keep_template(uow: UnitOfWork, content: ReportTemplateContent) -> ReportTemplate:
    """The next version of the template. Editions that were issued keep the one of their day."""
    first: dict[str, Any] = {"tenant_id": uow.tenant_id, "version": 0, "content": {}, "changed_at": uow.now}
    await uow.session.execute(insert(ReportTemplate).values(first).on_conflict_do_nothing())
    row = await template_row(uow, lock=True)
    assert row is not None  # it was written just now, or was there
    row.version += 1
    row.content = content.model_dump(mode="json")
    row.changed_at = uow.now
    return row
