"""What a report tells, and what is otherwise between two readings of the same month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

SubjectKind: TypeAlias = Literal[
    "uptime",
    "decision",
    "incident",
    "promise",
    "response_time",
    "work",
    "hours",
    "deliverable",
    "advisory",
    "settlement",
    "month",
    "action",
    "risk",
    "agreed",
    "recommendation",
]
"""`month` and what follows are told of in reviews only."""
COMES_AFTERWARDS: Final[frozenset[SubjectKind]] = frozenset({"hours", "deliverable", "settlement"})
"""What is not there yet when a month is told first: it is settled later."""
LISTED: Final = "listed"
NAMED_BY_TEXT: Final[frozenset[SubjectKind]] = frozenset(
    {"work", "advisory", "action", "risk", "agreed", "recommendation"}
)
"""What is called by what somebody wrote, unless it has a number, and may have been told to a client by mistake."""
WITHDRAWN: Final = "withdrawn"
"""Stands for the name of such an entry once it is not told any more: to say it again would tell it again."""


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What is told about. Two readings speak of the same one when kind and id are the same, whatever its name is.

    :param names: what people call it, by language, where `name` is a code.
    :param numbered: `name` is a number of the service desk, which says nothing of what it is about.
    """

    kind: SubjectKind
    id: str
    name: str = field(compare=False)
    names: Mapping[str, str] = field(default_factory=dict, compare=False)
    numbered: bool = field(default=False, compare=False)

    @property
    def once_gone(self) -> "Subject":
        """The same without what somebody wrote of it: it is not told any more."""
        return Subject(self.kind, self.id, WITHDRAWN) if self.kind in NAMED_BY_TEXT and not self.numbered else self


Told: TypeAlias = Mapping[Subject, Mapping[str, str | None]]
"""By subject: what is told of it, each measure as exact text; null where there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Change:
    """One measure that is otherwise. `listed`: the whole subject came (`before` is null) or went (`after` is).

    Of what is named by text and went, the subject is called `withdrawn`, and so is `before`.
    """

    subject: Subject
    measure: str
    before: str | None
    after: str | None


def only_adds(changes: Sequence[Change]) -> bool:
    """Whether changes only tell what comes after a month by its nature, and nothing otherwise than before."""
    return bool(changes) and all(
        change.before is None and change.subject.kind in COMES_AFTERWARDS for change in changes
    )


def differences(before: Told, after: Told) -> Sequence[Change]:
    """What one must change of `before` to get `after`, in the order of subjects and measures; empty when nothing.

    A measure that one reading does not know is null in it. Names are not compared: a new name changes no figure.
    """
    newest = {subject: subject for subject in before} | {subject: subject for subject in after}
    changes: list[Change] = []
    for subject in sorted(newest.values()):
        was, now = before.get(subject), after.get(subject)
        if now is None:
            gone = subject.once_gone
            changes.append(Change(gone, LISTED, gone.name, None))
            continue
        if was is None:
            changes.append(Change(subject, LISTED, None, subject.name))
            continue
        changes += [
            Change(subject, measure, was.get(measure), now.get(measure))
            for measure in sorted({*was, *now})
            if was.get(measure) != now.get(measure)
        ]
    return changes
