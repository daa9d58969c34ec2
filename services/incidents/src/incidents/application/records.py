"""What the records of the service desk hang on: an item, or a contract and a site under it."""

from dataclasses import dataclass
from uuid import UUID


class UnknownItemError(Exception):
    """There is no such item, or none that one may see; `field` says where it was named."""

    def __init__(self, field: str = "item_id") -> None:
        self.field = field
        super().__init__("There is no item with this id.")


class ItemOfAnotherContractError(Exception):
    """The item is not under the contract that was named with it."""


class NotResolvedError(Exception):
    """What is to be learned from an item is known when it is resolved, not before."""


@dataclass(frozen=True)
class Place:
    """Where a record belongs."""

    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    item_id: UUID | None
