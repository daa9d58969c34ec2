"""Who may read a page that is not for everybody: passwords, and the cookies that stand for them or for a sign-in."""

import asyncio
import base64
import binascii
import json
from collections import OrderedDict
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from reporting.adapters.page_settings import is_password
from reporting.adapters.secret_box import SecretBox
from reporting.application.status_page import ShownPage
from reporting.domain.single_sign_on import VISIT_LIFE
from shared.brake import Brake

LIFE: Final = timedelta(days=30)
LONGEST: Final = 200
"""Characters of a password."""
TRIES_A_MINUTE: Final = 20
"""For one page, whoever tries: guessing takes years, and does not take the machine."""
AT_ONCE: Final = 2
"""How many passwords are tried at one time: each takes memory and some 50 ms of a core."""
MOST_KNOWN: Final = 1_000


class PageAccess:
    """Makes and reads cookies. One is bound to its page and to the password of then: a new one ends them all. Where
    visitors sign in, it is bound to the client, to the provider as it was then, and to the domains that were admitted.

    One for each process: what it knows of tries is in its memory.
    """

    def __init__(self, box: SecretBox) -> None:
        self._box = box
        self._brake = Brake(TRIES_A_MINUTE)
        self._places = asyncio.Semaphore(AT_ONCE)
        self._right: OrderedDict[bytes, None] = OrderedDict()

    def token(self, page: ShownPage, now: datetime) -> tuple[str, int]:
        """What a cookie holds, and for how many seconds it is good."""
        life = VISIT_LIFE if page.known.settings.audience == "single_sign_on" else LIFE
        until = int((now + life).timestamp())
        content = json.dumps([*_bound(page), until]).encode()
        return f"{until}.{_text(self._box.sign(content))}", int(life.total_seconds())

    def opens(self, token: str | None, page: ShownPage, now: datetime) -> bool:
        """Whether a cookie opens a page. None opens one whose provider lets nobody in."""
        if page.known.settings.audience == "single_sign_on" and page.provider is None:
            return False
        until, _, signature = (token or "").partition(".")
        if not (until.isascii() and until.isdecimal() and len(until) <= 12) or int(until) <= now.timestamp():
            return False
        try:
            signed = base64.b64decode(signature.encode() + b"=" * (-len(signature) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return False
        return self._box.is_signed(json.dumps([*_bound(page), int(until)]).encode(), signed)

    async def is_password(self, password: str, page: ShownPage) -> bool:
        """Whether this is what opens the page. Raises TooManyRequests. What was right once is known again at once.

        A password that a page had before its visitors signed in opens nothing.
        """
        stored = page.known.password
        if page.known.settings.audience == "single_sign_on" or stored is None or not 0 < len(password) <= LONGEST:
            return False
        seen = self._box.sign(stored + password.encode())
        if seen in self._right:
            return True
        self._brake.pass_by((page.tenant_id, page.content.slug))
        async with self._places:
            right = await asyncio.to_thread(is_password, password, stored)
        if right:
            self._right[seen] = None
            while len(self._right) > MOST_KNOWN:
                self._right.popitem(last=False)
        return right


def _bound(page: ShownPage) -> list[str]:
    """What a cookie is bound to."""
    provider, settings = page.provider, page.known.settings
    if settings.audience == "single_sign_on" and provider is not None:
        admitted = " ".join(sorted(settings.admitted_domains))
        through = [str(provider.identity_provider_id), str(provider.version), admitted]
        # Some were let in as people of this client: the next one at this address may have the same provider.
        return ["page, signed in", str(page.tenant_id), page.content.slug, str(page.client_id), *through]
    return ["page", str(page.tenant_id), page.content.slug, sha256(page.known.password or b"").hexdigest()]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def basic_password(header: str | None) -> str | None:
    """The password of an `Authorization` of the scheme Basic, whatever the user name."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode().partition(":")[2]
    except (ValueError, binascii.Error):
        return None
