"""What is kept of the release before is read as it was written; what the history lacks is one sentence."""

from dataclasses import replace
from pathlib import Path

import pytest
import write_documents
from previous_release import NoHistory, PreviousRelease, main, not_accepted

RELEASE = PreviousRelease.kept()


def test_what_is_written_is_read_and_nothing_is_accepted_of_the_next_change(tmp_path: Path) -> None:
    RELEASE.write(tmp_path)
    assert PreviousRelease.kept(tmp_path) == RELEASE
    assert not_accepted({}, "schemas", tmp_path) == not_accepted({}, "events", tmp_path) == []


def test_a_commit_that_the_history_lacks_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = replace(RELEASE, commit="0" * 40)
    assert unknown.missing is not None
    assert unknown.missing.startswith("commit 000000000000 of the release before is not in the history: ")
    with pytest.raises(NoHistory):
        unknown.unpack(tmp_path)
    assert main(["no-such-tag"]) == 1
    assert capsys.readouterr().err.startswith("Nothing was kept: ")


def test_a_change_counts_until_it_is_accepted_and_an_acceptance_only_while_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "accepted.json").write_text('{"events": {"one place": "It is late"}, "schemas": {}}', encoding="utf-8")
    assert not_accepted({"one place": "is gone", "another": "is gone"}, "events", tmp_path) == ["another is gone"]
    assert not_accepted({}, "events", tmp_path) == ["one place is accepted, but it is as it was"]


def test_a_published_event_that_lost_a_place_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    services = write_documents.load_services()
    shapes = write_documents.published_shapes(services)
    del shapes["probes.monitor.down.v1"]["monitor_id"]
    monkeypatch.setattr(write_documents, "published_shapes", lambda _: shapes)
    assert write_documents.broken_promises(services) == [
        "probes.monitor.down.v1 monitor_id is gone; publish another version beside it, or accept it in "
        "previous_release/accepted.json with a reason"
    ]
