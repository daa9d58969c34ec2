"""An exported audit log, made by the rules of the domain and signed with the library that the service signs with."""

import json
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reporting.domain.audit_chain import (
    GENESIS,
    canonical,
    checkpoint_statement,
    entry_hash,
    key_id_of,
    key_statement,
)

TENANT = "0198f000-0000-7000-8000-000000000001"
AT = "2026-06-08T09:00:00Z"


@dataclass
class Signing:
    """A key that signs, from a seed, so that failures repeat."""

    seed: bytes
    endorsed_by: "Signing | None" = None
    private: Ed25519PrivateKey = field(init=False)

    def __post_init__(self) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    def line(self) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "tenant_id": TENANT,
            "key_id": key_id_of(self.public),
            "public_key": self.public.hex(),
            "made_at": AT,
            "endorsed_by": None,
            "endorsement": None,
        }
        if self.endorsed_by is not None:
            facts["endorsed_by"] = key_id_of(self.endorsed_by.public)
            facts["endorsement"] = self.endorsed_by.private.sign(key_statement(facts)).hex()
        return facts | {"kind": "key"}

    def checkpoint(self, entry: dict[str, Any]) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "tenant_id": TENANT,
            "sequence": entry["entry"]["sequence"],
            "hash": entry["hash"],
            "made_at": AT,
            "key_id": key_id_of(self.public),
        }
        signature = self.private.sign(checkpoint_statement(facts)).hex()
        return facts | {"kind": "checkpoint", "public_key": self.public.hex(), "signature": signature}


FIRST = Signing(b"1" * 32)


def entries(count: int, *, words: str = "update_client") -> list[dict[str, Any]]:
    """Lines of entries that follow from one another."""
    lines = []
    previous = GENESIS
    for number in range(1, count + 1):
        entry = {
            "version": 1,
            "tenant_id": TENANT,
            "sequence": number,
            "previous": previous,
            "operation": words,
            "resource": f"/v1/clients/é{number}",
            "fields": ["name"],
            "version_after": number,
            "role": None,
        }
        previous = entry_hash(canonical(entry))
        lines.append({"kind": "entry", "entry": entry, "hash": previous})
    return lines


def export(*lines: dict[str, Any], keys: tuple[Signing, ...] = (FIRST,)) -> list[dict[str, Any]]:
    """The whole file around these lines."""
    count = sum(line["kind"] == "entry" for line in lines)
    header = {"kind": "header", "version": 1, "tenant_id": TENANT, "exported_at": AT}
    return [header, *(key.line() for key in keys), *lines, {"kind": "end", "entries": count}]


def text(lines: list[dict[str, Any]]) -> list[str]:
    """The lines of the file."""
    return [json.dumps(line, ensure_ascii=False) + "\n" for line in lines]
