"""Attachments of items over HTTP: sent as they are, handed out as downloads only."""

from typing import Annotated, Any, Final, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from incidents.adapters import files
from incidents.adapters.file_tables import AttachmentRow
from incidents.api.answers import row_of
from incidents.api.dependencies import InPorts, Reader, Writer, who
from incidents.api.models import ActorAnswer
from incidents.application import attachments
from incidents.application.ports import Attachment, Ports
from incidents.domain.attachments import EXTENSIONS, LARGEST, LONGEST_NAME, File
from shared.etag import IfNoneMatch, etag, not_modified
from shared.pagination import Page, PageParams, paginate
from shared.problems import (
    Conflict,
    FieldError,
    NotFound,
    TooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    responses_for,
)
from shared.service import Unit
from shared.values import Instant

_ONE_OF_AN_ITEM = "/v1/items/{item_id}/attachments"
router = APIRouter(prefix=_ONE_OF_AN_ITEM, tags=["items"])

RAW_BODIES = {_ONE_OF_AN_ITEM: dict.fromkeys(EXTENSIONS, LARGEST)}
"""Files are no JSON, and larger than it: read here."""

_BINARY = {"schema": {"type": "string", "format": "binary", "maxLength": LARGEST}}
_UPLOADED: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": f"the file itself, at most {LARGEST // 1024 // 1024} MiB, with its own media type",
        "content": dict.fromkeys(EXTENSIONS, _BINARY),
    }
}
_DOWNLOADED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file, for a browser to save and never to show",
        "content": dict.fromkeys(EXTENSIONS, _BINARY),
    }
}
_UNKNOWN = "There is no such attachment on this item."


class AttachmentAnswer(BaseModel):
    """A file on an item. Its content never changes: another content is another attachment."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "attachment_id": "0197a1c2-0000-7000-8000-000000000541",
                    "name": "Capture d’écran.png",
                    "media_type": "image/png",
                    "size": 48213,
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "audience": "client",
                    "source": "api",
                    "added_at": "2026-06-08T09:12:00Z",
                    "added_by": {"kind": "user", "id": "0197a1c2-0000-7000-8000-000000000011", "name": "Ada Martin"},
                }
            ]
        }
    )

    attachment_id: UUID
    name: str = Field(max_length=LONGEST_NAME)
    media_type: str = Field(max_length=100)
    size: int = Field(ge=1, le=LARGEST, description="bytes")
    sha256: str = Field(max_length=64, pattern="^[0-9a-f]{64}$")
    audience: Literal["agency", "client"]
    source: Literal["api", "mail"]
    added_at: Instant
    added_by: ActorAnswer

    @classmethod
    def of(cls, told: Attachment) -> "AttachmentAnswer":
        """The answer that tells an attachment."""
        same = {name: getattr(told, name) for name in cls.model_fields if hasattr(told, name)}
        actor = {"kind": told.actor.kind, "id": told.actor.id, "name": told.actor.name}
        return cls.model_validate(same | {"attachment_id": told.id, "sha256": told.sha256.hex(), "added_by": actor})


async def sent_content(request: Request, _: Writer) -> bytes:
    """Dependency: the body, taken in once it is known whose it is, and before the unit of work: it may take minutes."""
    return await request.body()


@router.post(
    "",
    status_code=201,
    summary="Attach a file to an item",
    openapi_extra=_UPLOADED,
    responses=responses_for(Conflict, TooLarge, UnsupportedMediaType, ValidationFailed)
    | {200: {"description": "The same file is there under this name already", "model": AttachmentAnswer}},
)
async def attach_file(
    item_id: UUID,
    content: Annotated[bytes, Depends(sent_content)],  # before whatever opens the unit
    ports: InPorts,
    principal: Writer,
    request: Request,
    response: Response,
    name: Annotated[
        str,
        Query(
            min_length=1,
            max_length=LONGEST_NAME,
            pattern=r"^[^\x00-\x1f\x7f/\\]*$",
            description="the name of the file; it ends as files of its type do",
            examples=["screen.png"],
        ),
    ],
    audience: Annotated[
        Literal["agency", "client"] | None,
        Query(description="client: the client's people see it; unless said, what the agency attaches is its own"),
    ] = None,
) -> AttachmentAnswer:
    """The content must be what `Content-Type` says; programs and pages are refused whatever they are called.

    Sent again, the same file under the same name is there once, and the answer is 200.
    """
    if principal.client_id is not None and audience == "agency":
        detail = "Your own files are for you to see: say client, or nothing."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, parameter="audience")])
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    file = File(name, media_type, content)
    seen_by = audience or ("client" if principal.client_id is not None else "agency")
    done = await attachments.attach(ports, item_id, file, audience=seen_by, actor=who(principal))
    if done is None:
        raise NotFound("There is no such item.")
    attachment, new = done
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/items/{item_id}/attachments/{attachment.id}"
    return AttachmentAnswer.of(attachment)


@router.get("", summary="List an item's attachments")
async def list_attachments(item_id: UUID, unit: Unit, principal: Reader, params: PageParams) -> Page[AttachmentAnswer]:
    """Oldest first. The client's people do not see those for the agency."""
    await row_of(unit, item_id)
    return await paginate(
        unit.session,
        files.attachments(item_id),
        columns=(AttachmentRow.added_at, AttachmentRow.id),
        params=params,
        to_item=lambda row: AttachmentAnswer.of(files.attachment_of(row)),
    )


@router.get("/{attachment_id}", summary="Read what is known of an attachment")
async def get_attachment(item_id: UUID, attachment_id: UUID, ports: InPorts, principal: Reader) -> AttachmentAnswer:
    """Its name, type, size and hash."""
    return AttachmentAnswer.of(await _found(ports, item_id, attachment_id))


@router.get(
    "/{attachment_id}/content",
    summary="Download an attachment",
    response_class=Response,
    responses=_DOWNLOADED,
)
async def download_attachment(
    item_id: UUID,
    attachment_id: UUID,
    ports: InPorts,
    unit: Unit,
    principal: Reader,
    request: Request,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """To be saved: no browser shows it in a page, guesses another type, or runs what may be in it."""
    attachment = await _found(ports, item_id, attachment_id)
    headers = {
        "Content-Disposition": disposition(attachment.name),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    unchanged = not_modified(request, attachment.sha256.hex(), headers=headers)
    if unchanged is not None:
        return unchanged
    content = await files.content(unit.session, attachment_id)
    if content is None:
        raise NotFound(_UNKNOWN)
    return Response(
        content,
        media_type=attachment.media_type,
        headers=headers | {"ETag": etag(attachment.sha256.hex())},
    )


@router.delete("/{attachment_id}", status_code=204, summary="Delete an attachment")
async def delete_attachment(item_id: UUID, attachment_id: UUID, ports: InPorts, principal: Writer) -> None:
    """Whoever attached it takes it away, or the owner of the agency. The timeline keeps that it was there."""
    if not await attachments.detach(ports, item_id, attachment_id, actor=who(principal), role=principal.role):
        raise NotFound(_UNKNOWN)


def disposition(name: str) -> str:
    """`Content-Disposition` of a download (RFC 6266): the name in ASCII, and as it is (RFC 8187)."""
    plain = "".join(each if each.isascii() and each.isprintable() and each not in '"\\%' else "_" for each in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def _found(ports: Ports, item_id: UUID, attachment_id: UUID) -> Attachment:
    attachment = await ports.attachments.of_item(item_id, attachment_id)
    if attachment is None:
        raise NotFound(_UNKNOWN)
    return attachment
