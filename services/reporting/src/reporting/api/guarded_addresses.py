"""Addresses that somebody else chose, looked at when they are named: the guard of each connection looks again."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from reporting.settings import ReportingSettings
from shared.outbound_http import AddressGuard, AddressRefused
from shared.problems import FieldError, ValidationFailed


def check_address(url: str, settings: ReportingSettings, pointer: str, in_the_clear: str) -> None:
    """Refuses at once what would be refused at every try: plain http, and addresses of private networks.

    :param in_the_clear: what is told of plain http.
    """
    detail = None
    literal = literal_address(url)
    if literal is not None:
        try:
            AddressGuard(settings.allowed_networks).check(literal)
        except AddressRefused as refused:
            detail = f"This address cannot be used: {refused}."
    if detail is None and url.startswith("http:") and not settings.allowed_networks:
        detail = in_the_clear
    if detail is not None:
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer=pointer)])


def literal_address(url: str) -> str | None:
    """The IP address that a URL names instead of a host name, if it does."""
    host = urlsplit(url).hostname or ""
    try:
        return str(ip_address(host))
    except ValueError:
        return None
