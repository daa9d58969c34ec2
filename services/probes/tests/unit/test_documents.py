"""What is committed for others to build against is what the code says."""

from probes.main import SERVICE
from shared.schema_docs import check_documents


def test_the_committed_documents_are_up_to_date() -> None:
    assert check_documents(SERVICE) == []
