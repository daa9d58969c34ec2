"""A person with a browser of his own kind: keeps cookies, fills in forms, follows redirects, runs no script."""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx
import pypdf

from shared.testing.running_stack import RunningStack

from .thread_client import ThreadClient, eventually

MOST_PAGES = 400
"""A portal of a test has some fifty pages; links that go on for ever are a mistake."""


@dataclass
class WebForm:
    """A form of a page."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[WebForm] = []
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "a" and told.get("href"):
            self.links.append(str(told["href"]))
        elif tag == "form":
            self.forms.append(WebForm(str(told.get("action"))))
        elif tag in {"input", "textarea", "select"} and self.forms and told.get("name"):
            if tag == "select":
                self._select = told["name"]
            elif told.get("type") != "radio" or "checked" in told:
                self.forms[-1].fields[str(told["name"])] = told.get("value") or ""
        elif tag == "option" and self._select and self.forms:
            self.forms[-1].fields.setdefault(self._select, told.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None


class PortalVisitor:
    """Somebody who uses the portal of a running product."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self.http = httpx.Client(
            base_url=stack.reporting_url,
            trust_env=False,
            timeout=30,
            follow_redirects=True,
            headers={"User-Agent": "Telephone of Ada", "Accept-Language": "en"},
        )

    def close(self) -> None:
        self.http.close()

    def ask_for_a_link(self, email: str) -> httpx.Response:
        return self.http.post("/portal/sign-in", data={"email": email})

    def mailed_links(self, email: str) -> list[str]:
        """The paths of the links that were mailed to an address, in the order of arrival."""
        found = []
        for mail in self._stack.mailbox.messages:
            if mail["to"] == email:
                found += re.findall(r"/portal/sign-in/\S+", mail.get_content())
        return found

    def link_for(self, email: str, *, after: int = 0) -> str:
        """Asks for a link and waits for the mail."""
        self.ask_for_a_link(email)

        def arrived() -> str | None:
            links = self.mailed_links(email)[after:]
            return links[0] if links else None

        return eventually(arrived, 30, f"a link is mailed to {email}")

    def sign_in(self, email: str) -> httpx.Response:
        """By link, as a person does: opens it, presses the button."""
        path = self.link_for(email, after=len(self.mailed_links(email)))
        assert self.http.get(path).status_code == 200
        return self.press(path)

    def press(self, path: str) -> httpx.Response:
        """Presses the button of a form without fields."""
        return self.http.post(path, headers={"Content-Type": "application/x-www-form-urlencoded"})

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def page(self, path: str) -> str:
        answer = self.http.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:2000]}"
        return answer.text

    def send(self, path: str, action: str, **told: str) -> httpx.Response:
        """Fills in the form of a page that goes to `action`, and sends it."""
        form = next(each for each in forms_of(self.page(path)) if each.action == action)
        return self.http.post(action, data=form.fields | told)

    def crawl(self, start: str = "/portal") -> dict[str, httpx.Response]:
        """Every page that is linked from the first one, and from those, within the portal."""
        seen: dict[str, httpx.Response] = {}
        to_see = [start]
        while to_see:
            assert len(seen) < MOST_PAGES, f"pages without end, {sorted(seen)[-3:]} among them"
            path = to_see.pop()
            if path in seen:
                continue
            answer = seen[path] = self.http.get(path)
            if not answer.headers["content-type"].startswith("text/html"):
                continue
            for link in links_of(answer.text):
                parts = urlsplit(urljoin(str(answer.url), link))
                if parts.path.startswith("/portal") and parts.netloc == answer.url.netloc.decode():
                    to_see.append(parts.path + (f"?{parts.query}" if parts.query else ""))
        return seen


def forms_of(html: str) -> list[WebForm]:
    page = _Page()
    page.feed(html)
    return page.forms


def links_of(html: str) -> list[str]:
    page = _Page()
    page.feed(html)
    return page.links


def let_in(thread: ThreadClient, client_id: str, email: str, name: str, role: str = "client_decider") -> str:
    """The agency lets a person of a client into the portal. Gives the user's id."""
    person = {"email": email, "name": name, "role": role, "client_id": client_id, "language": "en"}
    return str(thread.post("contracts", "/v1/users", person)["user_id"])


def everything_in(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Every text of a page or a file with where it stands: what is inside of archives and of PDFs, too."""
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for inside in archive.namelist():
                yield f"{name}: names", inside
                yield from everything_in(f"{name}: {inside}", archive.read(inside))
    elif content.startswith(b"%PDF"):
        reader = pypdf.PdfReader(io.BytesIO(content))
        yield f"{name}: metadata", str(reader.metadata)
        for number, page in enumerate(reader.pages, start=1):
            yield f"{name}: page {number}", page.extract_text()
        for inside, versions in reader.attachments.items():
            for each in versions:
                yield from everything_in(f"{name}: {inside}", each)
    else:
        yield name, content.decode("utf-8", "replace")
