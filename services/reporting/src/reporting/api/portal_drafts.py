"""What somebody wrote into a form of the portal and could not send: kept for him, and given back on the form's page."""

import re
from collections.abc import Mapping
from typing import Final

from reporting.adapters.portal_store import Draft

_ID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OWN_PAGE: Final = re.compile(r"/portal/requests/new/(?:error|feature|assistance)")
_REPLY: Final = re.compile(rf"/portal/items/({_ID})/replies")
_OF_PAGE: Final = re.compile(
    rf"(/portal/(?:changes|work-orders)/{_ID})/(?:approve|decline|accept|reject)|(/portal/advice/{_ID})/answer"
)
_NOT_WRITTEN: Final = frozenset({"form_token", "form_key", "from", "approved_freezes"})
"""What a form carries besides what its reader wrote."""


def written_in(fields: Mapping[str, str]) -> Mapping[str, str]:
    """What the reader of a form wrote into it."""
    return {name: value for name, value in fields.items() if name not in _NOT_WRITTEN}


def page_of_reply(item_id: str, fields: Mapping[str, str]) -> str | None:
    """Where the client wrote about an item: one of our own pages about it."""
    given = fields.get("from", "")
    pages = {f"/portal/{kind}/{item_id}" for kind in ("incidents", "requests", "changes", "work-orders")}
    return given if given in pages else None


def page_of(path: str) -> str:
    """Where what answers at `path` can be opened again: the page of a form for where it is sent to, else itself."""
    decision = _OF_PAGE.fullmatch(path)
    return path if decision is None else decision[1] or decision[2]


def draft_of(path: str, fields: Mapping[str, str]) -> Draft | None:
    """What is to be kept of a form that was sent to `path`; None for a form into which nobody writes.

    Its key is kept with it: the form may have come through although its answer did not, and is then not done twice.
    """
    page: str | None = None
    if reply := _REPLY.fullmatch(path):
        page = page_of_reply(reply[1], fields)
    elif _OWN_PAGE.fullmatch(path) or _OF_PAGE.fullmatch(path):
        page = page_of(path)
    written = written_in(fields)
    if page is None or not any(map(str.strip, written.values())):
        return None
    return Draft(path, page, {**written, "form_key": fields.get("form_key", "")})
