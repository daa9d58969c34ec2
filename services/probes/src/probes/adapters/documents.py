"""Values of the domain as JSON, and back: what is stored in documents instead of columns."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from probes.domain.flapping import Edge
from probes.domain.states import Failure, Gap, LocationFinding, Reason, Run, Verdict


def failure_document(failure: Failure) -> dict[str, Any]:
    """A failing check: reason, sentence and evidence."""
    return {"reason": failure.reason.value, "detail": failure.detail, "evidence": dict(failure.evidence)}


def failure_of(document: Mapping[str, Any]) -> Failure:
    """The inverse of `failure_document`."""
    return Failure(Reason(document["reason"]), document["detail"], document["evidence"])


def failure_documents(failures: Iterable[Failure]) -> list[dict[str, Any]]:
    return [failure_document(failure) for failure in failures]


def failures_of(documents: Iterable[Mapping[str, Any]]) -> tuple[Failure, ...]:
    return tuple(failure_of(document) for document in documents)


def run_document(run: Run) -> dict[str, Any]:
    """A run that has not confirmed yet."""
    return {
        "first_at": run.first_at.isoformat(),
        "last_at": run.last_at.isoformat(),
        "uncertainty_seconds": run.uncertainty.total_seconds(),
        "count": run.count,
        "failures": failure_documents(run.failures),
    }


def run_of(document: Mapping[str, Any]) -> Run:
    """The inverse of `run_document`."""
    return Run(
        first_at=datetime.fromisoformat(document["first_at"]),
        last_at=datetime.fromisoformat(document["last_at"]),
        uncertainty=timedelta(seconds=document["uncertainty_seconds"]),
        count=document["count"],
        failures=failures_of(document["failures"]),
    )


def edge_documents(edges: Iterable[Edge]) -> list[dict[str, Any]]:
    return [{"at": edge.at.isoformat(), "outage_id": str(edge.outage_id)} for edge in edges]


def edges_of(documents: Iterable[Mapping[str, Any]]) -> tuple[Edge, ...]:
    return tuple(Edge(datetime.fromisoformat(edge["at"]), UUID(edge["outage_id"])) for edge in documents)


def gap_documents(gaps: Iterable[Gap]) -> list[dict[str, Any]]:
    return [{"start": gap.start.isoformat(), "end": gap.end.isoformat() if gap.end else None} for gap in gaps]


def gaps_of(documents: Iterable[Mapping[str, Any]]) -> tuple[Gap, ...]:
    return tuple(Gap(datetime.fromisoformat(gap["start"]), _instant(gap["end"])) for gap in documents)


def finding_documents(findings: Sequence[LocationFinding]) -> list[dict[str, Any]]:
    return [
        {
            "location": finding.location,
            "verdict": finding.verdict.value if finding.verdict else None,
            "failing_since": finding.failing_since.isoformat() if finding.failing_since else None,
        }
        for finding in findings
    ]


def findings_of(documents: Iterable[Mapping[str, Any]]) -> tuple[LocationFinding, ...]:
    return tuple(
        LocationFinding(
            document["location"],
            Verdict(document["verdict"]) if document["verdict"] else None,
            _instant(document["failing_since"]),
        )
        for document in documents
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
