"""The templates of an agency: a row for each kind of report that it has one for; the others are ours."""

from typing import Any, Literal, TypeAlias

from sqlalchemy.dialects.postgresql import insert

from reporting.adapters.report_tables import ReportTemplate
from reporting.application.report_template import (
    DocumentKind,
    DocumentTemplateContent,
    ReportTemplateContent,
    TemplateContent,
    our_template,
)
from shared.unit_of_work import UnitOfWork

TemplateKind: TypeAlias = Literal["monthly"] | DocumentKind


async def template_row(uow: UnitOfWork, kind: TemplateKind, *, lock: bool = False) -> ReportTemplate | None:
    """The agency's own template; None while it has none."""
    return await uow.session.get(ReportTemplate, (uow.tenant_id, kind), with_for_update=lock or None)


async def template_of(uow: UnitOfWork) -> ReportTemplateContent:
    """The agency's template of monthly reports, or ours."""
    row = await template_row(uow, "monthly")
    return ReportTemplateContent() if row is None else ReportTemplateContent.model_validate(row.content)


async def document_template_of(uow: UnitOfWork, kind: DocumentKind) -> DocumentTemplateContent:
    """The agency's template of another kind, or ours."""
    row = await template_row(uow, kind)
    return our_template(kind) if row is None else DocumentTemplateContent.model_validate(row.content)


async def keep_template(uow: UnitOfWork, kind: TemplateKind, content: TemplateContent) -> ReportTemplate:
    """The next version of a template. Editions that were issued keep the one of their day."""
    key: dict[str, Any] = {"tenant_id": uow.tenant_id, "kind": kind}
    first = key | {"version": 0, "content": {}, "changed_at": uow.now}
    await uow.session.execute(insert(ReportTemplate).values(first).on_conflict_do_nothing())
    row = await template_row(uow, kind, lock=True)
    assert row is not None  # it was written just now, or was there
    row.version += 1
    row.content = content.model_dump(mode="json")
    row.changed_at = uow.now
    return row
