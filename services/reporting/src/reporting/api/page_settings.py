"""Settings of status pages: brand, pictures, who may see them, and domains of their own."""

import secrets
from contextlib import suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import select

from reporting.adapters.domain_proof import DomainProof, record_of, value_of
from reporting.adapters.facts import StoredFacts
from reporting.adapters.own_domains import DOMAINS, Domains, is_domain
from reporting.adapters.page_providers import check_provider, close_page
from reporting.adapters.page_settings import (
    StatusPagePicture,
    StatusPageRow,
    client_of_page,
    decided_of,
    find_row,
    hashed,
    keep_picture,
    locked_row,
    page_addresses,
    pictures_of,
    remove_picture,
    settings_of,
    touch,
    whose_page,
)
from reporting.adapters.pictures import LARGEST, NotAPicture, cleaned
from reporting.adapters.status_subscriptions import show_other_sites
from reporting.api.dependencies import Kind, Settings
from reporting.api.page_settings_models import CertificateAnswer, NewDomain, PageChange, PageView
from reporting.application.page_settings import (
    DomainIsNotProven,
    NoDomain,
    PageColours,
    PageSettings,
    PasswordIsMissing,
    PictureKind,
)
from reporting.application.status_page import UnknownPage, check_sites, status_page
from reporting.domain.brand import READABLE, VARIABLES, contrast, palette, unreadable
from shared.auth import Principal
from shared.etag import IfMatch, IfNoneMatch, etag, not_modified
from shared.operations import request_operation
from shared.pagination import Page, PageParams, paginate
from shared.problems import (
    Conflict,
    FieldError,
    NotFound,
    PreconditionFailed,
    TooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    responses_for,
)
from shared.service import CurrentRuntime, Unit, callers_unit, require
from shared.unit_of_work import UnitOfWork

router = APIRouter(prefix="/v1/status-pages", tags=["status pages"])
certificates = APIRouter(prefix="/v1/status-page-domains", tags=["status pages"])

Reader = Annotated[Principal, Depends(require("reports:read"))]
# What a page looks like is part of what is agreed with its client.
Writer = Annotated[Principal, Depends(require("contracts:write"))]
Slug = Annotated[
    str,
    Path(
        min_length=1,
        max_length=63,
        pattern="^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$",
        description="address of the page, from the contract",
        examples=["boulangerie-martin"],
    ),
]

SIZES: Final[dict[PictureKind, tuple[int, int]]] = {"logo": (1_200, 600), "favicon": (512, 512)}
_PICTURE = "/v1/status-pages/{slug}/pictures/{picture}"
RAW_BODIES: Final = {_PICTURE: {"image/png": LARGEST}}
"""Pictures are no JSON: read here."""
_UPLOADED: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": f"the PNG itself, at most {LARGEST // 1024} KiB",
        "content": {"image/png": {"schema": {"type": "string", "format": "binary", "maxLength": LARGEST}}},
    }
}


async def _view(unit: UnitOfWork, slug: str, row: StatusPageRow | None, public_url: str) -> PageView:
    whose = await whose_page(unit, slug)
    pictures = await pictures_of(unit.session, row.tenant_id, slug, whose[0]) if row is not None else {}
    return PageView.of(slug, whose, row, pictures, public_url)


@router.get("", summary="List status pages")
async def list_status_pages(unit: Unit, _reader: Reader, settings: Settings, params: PageParams) -> Page[PageView]:
    """The pages of the agency's contracts, in the order of their addresses."""
    addresses = page_addresses()
    page = await paginate(
        unit.session,
        select(addresses.c.slug, addresses.c.client_id, addresses.c.site_id),
        columns=(addresses.c.slug,),
        params=params,
        to_item=lambda address: (str(address.slug), (address.client_id, address.site_id)),
    )
    nothing: tuple[StatusPageRow | None, dict[str, StatusPagePicture]] = (None, {})
    decided = await decided_of(unit, {slug: client_id for slug, (client_id, _) in page.data})
    return Page[PageView](
        data=[
            PageView.of(slug, whose, row, pictures, settings.public_url)
            for slug, whose in page.data
            for row, pictures in [decided.get(slug, nothing)]
        ],
        next_cursor=page.next_cursor,
    )


@router.get(
    "/{slug}",
    summary="Read the settings of a status page",
    response_model=PageView,
    responses={304: {"description": "Not changed (`If-None-Match`)"}, **responses_for(NotFound)},
)
async def get_status_page_settings(
    slug: Slug,
    unit: Unit,
    _reader: Reader,
    settings: Settings,
    request: Request,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> PageView | Response:
    """One page, with the record that proves its domain and without its password."""
    row = await find_row(unit, slug, await client_of_page(unit, slug))
    view = await _view(unit, slug, row, settings.public_url)
    unchanged = not_modified(request, view.version)
    if unchanged is not None:
        return unchanged
    response.headers["ETag"] = etag(view.version)
    return view


@router.patch(
    "/{slug}", summary="Change the settings of a status page", responses=responses_for(NotFound, PreconditionFailed)
)
async def update_status_page_settings(
    slug: Slug, body: PageChange, unit: Unit, _writer: Writer, settings: Settings, if_match: IfMatch, response: Response
) -> PageView:
    """A merge patch. Colours that cannot be read on their ground are refused, with the contrast that they have.

    Who is told by mail of a page that is not for everybody any more, or has another password, provider, or other
    domains that it admits, is told once that this has ended, and may subscribe again where he may read. The contacts of
    the page's contracts stay subscribed.
    """
    row = await locked_row(unit, slug)
    if_match.require(row.version)
    given = body.model_dump(exclude_unset=True, exclude={"password"}, mode="json")
    defaults = PageSettings().model_dump(mode="json")
    wanted = {name: value if value is not None else defaults[name] for name, value in given.items()}
    before = settings_of(row)
    changed = PageSettings.model_validate({**before.model_dump(mode="json"), **wanted})
    _check_colours(changed)
    if body.password is not None:
        row.password = hashed(body.password.get_secret_value())
    elif "password" in body.model_fields_set:
        row.password = None
    if changed.audience == "password" and row.password is None:
        raise PasswordIsMissing
    await check_provider(unit, changed, row.client_id)
    if body.site_ids is not None:
        await check_sites(StoredFacts(unit), slug, body.site_ids)
    row.settings = changed.model_dump(mode="json")
    if changed.site_ids != before.site_ids:
        with suppress(UnknownPage):  # nothing is on it yet
            await show_other_sites(unit, await status_page(StoredFacts(unit), slug, unit.now))
    new_password = changed.audience == "password" and body.password is not None
    if new_password or not changed.admits_as(before):
        # Who was a reader until now may be none any more: like his cookie, his subscription ends.
        await close_page(unit, row.tenant_id, slug)
    touch(row, unit.now)
    response.headers["ETag"] = etag(row.version)
    return await _view(unit, slug, row, settings.public_url)


def _check_colours(settings: PageSettings) -> None:
    colours = settings.colours or PageColours()
    own = palette(colours.primary, colours.background, colours.text)
    faults: list[FieldError] = []

    def fault(pointer: str, found: float, ground: str) -> None:
        detail = f"its contrast on {ground} is {found:.1f} : 1; text needs {READABLE} : 1 (WCAG 2.2, level AA)"
        faults.append(FieldError(detail=detail, pointer=pointer))

    if colours.text is not None and contrast(colours.text.lower(), own.paper) < READABLE:
        fault("#/colours/text", contrast(colours.text.lower(), own.paper), own.paper)
    for name, found in unreadable(own, settings.variables).items():
        fault(f"#/variables/{name}", found, getattr(own, str(VARIABLES[name])))
    if faults:
        raise ValidationFailed("A colour cannot be read on its ground; see `errors`.", errors=faults)


@router.put(
    "/{slug}/pictures/{picture}",
    summary="Give a status page a picture",
    responses=responses_for(NotFound, TooLarge, UnsupportedMediaType, ValidationFailed),
    openapi_extra=_UPLOADED,
)
async def put_status_page_picture(
    slug: Slug, picture: Kind, unit: Unit, _writer: Writer, settings: Settings, request: Request, response: Response
) -> PageView:
    """A PNG: a logo of at most 1200 × 600 pixels, a favicon of at most 512 × 512. It is written anew: what is not
    needed to draw it, such as texts, times and places, is left out."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "image/png":
        detail = "Send the picture as image/png."
        raise UnsupportedMediaType(detail, errors=[FieldError(detail=detail, header="Content-Type")])
    row = await locked_row(unit, slug)
    widest, highest = SIZES[picture]
    try:
        given = cleaned(await request.body(), widest=widest, highest=highest)
    except NotAPicture as error:
        detail = f"This picture cannot be used: {error}."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#")]) from None
    await keep_picture(unit, row, picture, given)
    touch(row, unit.now)
    response.headers["ETag"] = etag(row.version)
    return await _view(unit, slug, row, settings.public_url)


@router.delete(
    "/{slug}/pictures/{picture}",
    status_code=204,
    summary="Take a picture from a status page",
    responses=responses_for(NotFound),
)
async def delete_status_page_picture(slug: Slug, picture: Kind, unit: Unit, _writer: Writer) -> None:
    """The page goes on without it; in place of a logo there is the contract's again."""
    row = await locked_row(unit, slug)
    await remove_picture(unit, row, picture)
    touch(row, unit.now)


@router.put("/{slug}/domain", summary="Give a status page its own domain", responses=responses_for(NotFound))
async def put_status_page_domain(
    slug: Slug, body: NewDomain, unit: Unit, _writer: Writer, settings: Settings, response: Response
) -> PageView:
    """The domain counts once the record in the answer is found in its zone: make it, then ask for verification.

    The same domain again keeps its record and its proof.
    """
    row = await locked_row(unit, slug)
    if row.domain != body.domain:
        row.domain, row.domain_token, row.domain_verified_at = body.domain, secrets.token_urlsafe(24), None
        row.seen_domain = None
        touch(row, unit.now)
    response.headers["ETag"] = etag(row.version)
    return await _view(unit, slug, row, settings.public_url)


@router.post(
    "/{slug}/domain/verify", summary="Verify the domain of a status page", responses=responses_for(NotFound, Conflict)
)
async def verify_status_page_domain(
    slug: Slug, request: Request, runtime: CurrentRuntime, writer: Writer, settings: Settings, response: Response
) -> PageView:
    """Looks for the record now. From then on the domain shows the page, as soon as it leads to this service.

    A domain that several pages claim shows that of whoever proved it last.
    """
    # Name servers may take their time: no connection to the database waits for them.
    async with callers_unit(request, runtime, writer, recorded=False) as unit:
        known = await find_row(unit, slug, await client_of_page(unit, slug))
        if known is None or known.domain is None or known.domain_token is None:
            raise NoDomain
        domain, token = known.domain, known.domain_token
    texts, error = await DomainProof(settings.dns_servers).texts(domain)
    if value_of(token) not in texts:
        raise DomainIsNotProven(record_of(domain), value_of(token), texts, error)
    async with callers_unit(request, runtime, writer) as unit:
        row = await locked_row(unit, slug)
        if (row.domain, row.domain_token) != (domain, token):
            raise Conflict("The domain of the page was changed while its record was looked for. Verify again.")
        row.domain_verified_at = unit.now
        touch(row, unit.now)
        response.headers["ETag"] = etag(row.version)
        if (operation := request_operation()) is not None:
            operation.response = response
        return await _view(unit, slug, row, settings.public_url)


@router.delete(
    "/{slug}/domain", status_code=204, summary="Take the domain from a status page", responses=responses_for(NotFound)
)
async def delete_status_page_domain(slug: Slug, unit: Unit, _writer: Writer) -> None:
    """The page is at its address here again."""
    row = await locked_row(unit, slug)
    row.domain, row.domain_token, row.domain_verified_at = None, None, None
    touch(row, unit.now)


async def known_domains(request: Request) -> Domains:
    """Dependency: what this process knows of domains, the same by which it finds their pages."""
    domains: Domains = request.scope[DOMAINS]
    return domains


@certificates.get(
    "/certificate",
    summary="Ask whether a domain may have a certificate",
    responses=responses_for(NotFound),
    openapi_extra={"security": []},
)
async def may_have_certificate(
    domains: Annotated[Domains, Depends(known_domains)],
    response: Response,
    domain: Annotated[
        str,
        Query(min_length=1, max_length=253, description="as the visitor's browser named it", examples=["a.example"]),
    ],
) -> CertificateAnswer:
    """For a proxy that gets certificates when a domain is first asked for: 200 when a page is shown there, else 404.

    Without such a question, anybody could make the proxy ask for any number of certificates.
    """
    name = domain.lower().rstrip(".")
    response.headers["Cache-Control"] = "no-store"
    if not is_domain(name) or await domains.slug_of(name) is None:
        raise NotFound("No status page is shown at this domain.")
    return CertificateAnswer(domain=name)
