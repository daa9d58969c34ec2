"""The JSON of Atlassian Statuspage, version 2, below each page: a reader is given the page's address as its base."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from reporting.api.dependencies import Lang
from reporting.api.pages import PUBLIC
from reporting.api.public_pages import FOR_SOME, NOT_MODIFIED, Pages, PublicPage, PublicPages, Slug
from reporting.api.statuspage_models import (
    Statuspage,
    StatuspageComponentsDocument,
    StatuspageIncidentsDocument,
    StatuspageMaintenancesDocument,
    StatuspageStatusDocument,
    StatuspageSummaryDocument,
)
from shared.etag import IfNoneMatch
from shared.i18n import Translator

router = APIRouter(
    prefix="/status/{slug}/api/v2",
    tags=["status pages"],
    responses={304: NOT_MODIFIED, **FOR_SOME},
)
NOT_OVER = ("in_progress", "scheduled")


async def _read(pages: PublicPages, slug: str, lang: str | None) -> tuple[Statuspage, tuple[PublicPage, Translator]]:
    found = await pages.read(slug)
    t = pages.translator(found, lang)
    return Statuspage(found.content, found.url, t), (found, t)


def _answer(pages: PublicPages, document: BaseModel, reader: tuple[PublicPage, Translator]) -> Response:
    found, t = reader
    return pages.answer(found, document.model_dump_json().encode(), "application/json", language=t.language)


@router.get(
    "/summary.json",
    summary="Read the summary of a status page (Statuspage v2)",
    response_model=StatuspageSummaryDocument,
    openapi_extra=PUBLIC,
)
async def get_statuspage_summary(
    pages: Pages, slug: Slug, lang: Lang = None, if_none_match: IfNoneMatch = None
) -> Response:
    """State, components, outages that go on, and planned work that is not over."""
    read, reader = await _read(pages, slug, lang)
    document = StatuspageSummaryDocument(
        page=read.page(),
        status=read.status(),
        components=read.components(),
        incidents=read.incidents(unresolved=True),
        scheduled_maintenances=read.maintenances(*NOT_OVER),
    )
    return _answer(pages, document, reader)


@router.get(
    "/status.json",
    summary="Read the state of a status page (Statuspage v2)",
    response_model=StatuspageStatusDocument,
    openapi_extra=PUBLIC,
)
async def get_statuspage_status(
    pages: Pages, slug: Slug, lang: Lang = None, if_none_match: IfNoneMatch = None
) -> Response:
    """The whole page in one word and one line."""
    read, reader = await _read(pages, slug, lang)
    return _answer(pages, StatuspageStatusDocument(page=read.page(), status=read.status()), reader)


@router.get(
    "/components.json",
    summary="List the components of a status page (Statuspage v2)",
    response_model=StatuspageComponentsDocument,
    openapi_extra=PUBLIC,
)
async def list_statuspage_components(
    pages: Pages, slug: Slug, lang: Lang = None, if_none_match: IfNoneMatch = None
) -> Response:
    """Every component with its state."""
    read, reader = await _read(pages, slug, lang)
    return _answer(pages, StatuspageComponentsDocument(page=read.page(), components=read.components()), reader)


@router.get(
    "/incidents.json",
    summary="List the incidents of a status page (Statuspage v2)",
    response_model=StatuspageIncidentsDocument,
    openapi_extra=PUBLIC,
)
async def list_statuspage_incidents(
    pages: Pages, slug: Slug, lang: Lang = None, if_none_match: IfNoneMatch = None
) -> Response:
    """Outages that go on or were over within 14 days, newest first."""
    read, reader = await _read(pages, slug, lang)
    return _answer(pages, StatuspageIncidentsDocument(page=read.page(), incidents=read.incidents()), reader)


@router.get(
    "/incidents/unresolved.json",
    summary="List the unresolved incidents of a status page (Statuspage v2)",
    response_model=StatuspageIncidentsDocument,
    openapi_extra=PUBLIC,
)
async def list_unresolved_statuspage_incidents(
    pages: Pages, slug: Slug, lang: Lang = None, if_none_match: IfNoneMatch = None
) -> Response:
    """Outages that are not resolved, newest first."""
    read, reader = await _read(pages, slug, lang)
    return _answer(
        pages, StatuspageIncidentsDocument(page=read.page(), incidents=read.incidents(unresolved=True)), reader
    )


async def _maintenances(pages: PublicPages, slug: str, lang: str | None, statuses: tuple[str, ...]) -> Response:
    read, reader = await _read(pages, slug, lang)
    document = StatuspageMaintenancesDocument(page=read.page(), scheduled_maintenances=read.maintenances(*statuses))
    return _answer(pages, document, reader)


@router.get(
    "/scheduled-maintenances.json",
    summary="List the planned work of a status page (Statuspage v2)",
    response_model=StatuspageMaintenancesDocument,
    openapi_extra=PUBLIC,
)
async def list_statuspage_maintenances(
    pages: Pages, slug: Slug, lang: Lang = None, if_none_match: IfNoneMatch = None
) -> Response:
    """Over within 14 days, in progress, or to come within 30 days."""
    return await _maintenances(pages, slug, lang, ())


@router.get(
    "/scheduled-maintenances/upcoming.json",
    summary="List the work to come of a status page (Statuspage v2)",
    response_model=StatuspageMaintenancesDocument,
    openapi_extra=PUBLIC,
)
async def list_upcoming_statuspage_maintenances(
    pages: Pages, slug: Slug, lang: Lang = None, if_none_match: IfNoneMatch = None
) -> Response:
    """To come within 30 days."""
    return await _maintenances(pages, slug, lang, ("scheduled",))


@router.get(
    "/scheduled-maintenances/active.json",
    summary="List the work in progress of a status page (Statuspage v2)",
    response_model=StatuspageMaintenancesDocument,
    openapi_extra=PUBLIC,
)
async def list_active_statuspage_maintenances(
    pages: Pages, slug: Slug, lang: Lang = None, if_none_match: IfNoneMatch = None
) -> Response:
    """In progress now."""
    return await _maintenances(pages, slug, lang, ("in_progress",))
