"""Whom checks trust: TLS contexts for connections that are not libcurl's."""

import ssl
from functools import lru_cache


@lru_cache(maxsize=4)
def client_context(ca_file: str) -> ssl.SSLContext:
    """Verifies chain and name against the authorities of a PEM file. Made once: loading them takes milliseconds."""
    return ssl.create_default_context(cafile=ca_file)
