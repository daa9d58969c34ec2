"""Versions over HTTP (RFC 9110, sections 8.8.3 and 13): nobody overwrites what he has not read."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from fastapi import Depends, Header, Request, Response

from shared.problems import PreconditionFailed, PreconditionRequired

_TAG = re.compile(r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def etag(version: int | str) -> str:
    """The strong entity tag of a version: ``"3"``."""
    return f'"{version}"'


def content_etag(content: bytes) -> str:
    """The strong entity tag of a representation that has no version: its hash."""
    return etag(hashlib.sha256(content).hexdigest()[:32])


def _tags(field: str) -> list[str]:
    return [match.group(0) for match in _TAG.finditer(field)]


def require_match(request: Request, version: int | str) -> None:
    """Let a change pass only if the client read this version.

    ``If-Match`` may be one tag, a list, or ``*``; weak tags never match.

    :raises PreconditionRequired: 428, the header is missing.
    :raises PreconditionFailed: 412 with the present ``ETag``.
    """
    field = request.headers.get("if-match")
    current = etag(version)
    if field is None:
        raise PreconditionRequired("Send If-Match with the ETag that you read, or `*` to overwrite whatever is there.")
    if field.strip() != "*" and current not in _tags(field):
        raise PreconditionFailed(
            "It was changed since you read it. Read it again, merge your change, and send the new ETag in If-Match.",
            headers={"ETag": current},
        )


def not_modified(request: Request, version: int | str, *, headers: dict[str, str] | None = None) -> Response | None:
    """A 304 when ``If-None-Match`` names this version (weak comparison), else None. ``headers`` go with the 304."""
    field = request.headers.get("if-none-match")
    if field is None:
        return None
    current = etag(version)
    if field.strip() == "*" or current in (tag.removeprefix("W/") for tag in _tags(field)):
        return Response(status_code=304, headers={"ETag": current} | (headers or {}))
    return None


class _Precondition:
    """The dependency behind :data:`IfMatch`: documents the header; ``.require(version)`` checks it."""

    def __init__(
        self,
        request: Request,
        if_match: Annotated[
            str | None,
            Header(
                alias="If-Match",
                max_length=1000,
                description="ETag of the version that the change is based on, or `*`; required (428 without)",
                examples=['"3"'],
            ),
        ] = None,
    ) -> None:
        self._request = request
        self.field = if_match

    def require(self, version: int | str) -> None:
        """See :func:`require_match`."""
        require_match(self._request, version)


IfMatch = Annotated[_Precondition, Depends(_Precondition)]
"""Parameter of a changing route: ``if_match: IfMatch``, then ``if_match.require(row.version)``."""

IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        max_length=1000,
        description="ETag of the version that the client has; 304 when it is still the present one",
        examples=['"3"'],
    ),
]
"""Parameter of a reading route; only documents the header: :func:`not_modified` reads it from the request."""
