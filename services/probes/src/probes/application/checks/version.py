"""Version checks: where a site says which version of a component it runs."""

from html.parser import HTMLParser
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints, field_validator

from probes.application.checks.assertions import HeaderName
from probes.application.checks.base import Configuration
from probes.application.checks.http import HttpCheck, WebRequest
from probes.application.checks.judging import Answer
from shared.json_path import NotFoundOut, query_of, values_at
from shared.patterns import compiled

VERSION_LENGTH = 60
_NUMBER = r"[vV]?(\d+(?:\.\d+)*[0-9A-Za-z.+~-]*(?: \((?:Ubuntu|Debian|Alpine)\))?)"


class InVersionHeader(Configuration):
    """A header says it: `Server`, `X-Powered-By`."""

    type: Literal["header"]
    name: HeaderName


class InGenerator(Configuration):
    """The page says it: `<meta name="generator" content="WordPress 6.8.1">`."""

    type: Literal["generator"]


class InJson(Configuration):
    """A document says it, where a JSONPath (RFC 9535) leads."""

    type: Literal["json"]
    path: Annotated[str, StringConstraints(min_length=1, max_length=500)]

    @field_validator("path")
    @classmethod
    def _is_a_path(cls, path: str) -> str:
        query_of(path)
        return path


VersionSource: TypeAlias = Annotated[InVersionHeader | InGenerator | InJson, Field(discriminator="type")]


class VersionCheck(WebRequest):
    """Which version of a component a site runs. Good when it can be read, whatever it is."""

    kind: Literal["version"] = "version"
    component: Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9._-]*$")] = (
        Field(description="as the list of cycles calls it: php, wordpress, nodejs")
    )
    source: VersionSource
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        default=None,
        description="an expression of RE2 whose first group is the version; left out, the number by the name",
    )

    @field_validator("pattern")
    @classmethod
    def _has_a_group(cls, pattern: str | None) -> str | None:
        if pattern is not None and compiled(pattern).groups < 1:
            raise ValueError("needs a group around the version: WordPress ([0-9.]+)")
        return pattern

    def request(self) -> HttpCheck:
        """What to ask."""
        return HttpCheck(url=self.url, headers=self.headers, authentication=self.authentication)

    def version_in(self, answer: Answer) -> str:
        """The version that an answer tells. Raises NotFoundOut when it tells none."""
        told = self._told(answer)
        if self.pattern is not None:
            found = compiled(self.pattern).search(told)
        else:
            # More than one component may be named: "Apache/2.4.63 PHP/8.3.21".
            named = rf"(?:^|[^a-z0-9]){_escaped(self.component)}[ /:]*{_NUMBER}"
            found = compiled(named, match_case=False).search(told) or compiled(_NUMBER).search(told)
        version = (found.group(1) or "").strip() if found is not None else ""
        if not version:
            raise NotFoundOut(f"there is no version in {told[:200]!r}")
        return version[:VERSION_LENGTH]

    def _told(self, answer: Answer) -> str:
        match self.source:
            case InVersionHeader(name=name):
                value = answer.header(name)
                if value is None:
                    raise NotFoundOut(f"the answer has no header {name}")
                return value[:2000]
            case InGenerator():
                return _generator(answer.text, self.component)
            case InJson(path=path):
                values = [value for value in values_at(path, answer.document) if isinstance(value, str | int | float)]
                if not values:
                    raise NotFoundOut("the JSONPath leads to no text and no number")
                return str(values[0])[:2000]


class _Generators(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "meta" and values.get("name", "").lower() == "generator" and len(self.found) < 20:
            self.found.append(values.get("content", "")[:2000])


def _generator(page: str, component: str) -> str:
    """The generator that is of the component, else the first one."""
    parser = _Generators()
    parser.feed(page)
    if not parser.found:
        raise NotFoundOut("the page has no meta element named generator")
    of_component = [content for content in parser.found if component in content.lower()]
    return (of_component or parser.found)[0]


def _escaped(text: str) -> str:
    return "".join(character if character.isalnum() else f"\\{character}" for character in text)
