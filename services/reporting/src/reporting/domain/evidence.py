"""What an evidence pack is: which bytes are hashed, and which are signed.

The stand-alone verifier (`adapters/evidence_verifier.py`) states the same rules once more, on purpose: who checks must
not depend on who is checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from reporting.domain.audit_chain import canonical

EVIDENCE: Final = b"upheld evidence v1\n"
"""What is signed begins with what it is, so that a signature under something else is none under evidence."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A file: its length in bytes and its SHA-256 in hexadecimal digits."""

    size: int
    sha256: str


def manifest(facts: Mapping[str, Any], files: Mapping[str, Listed]) -> bytes:
    """What the pack is about, and each of its files with its length and its SHA-256."""
    listed = {path: {"bytes": each.size, "sha256": each.sha256} for path, each in files.items()}
    return canonical({**facts, "files": listed})


def listed(content: bytes) -> Listed:
    """A file by its content."""
    return Listed(len(content), sha256(content).hexdigest())


def evidence_statement(manifest_bytes: bytes) -> bytes:
    """What the signature of a pack is made of."""
    return EVIDENCE + manifest_bytes
