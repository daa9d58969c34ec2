"""The registers as papers and as lines of CSV: what the client keeps of his software, and what was in service when."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from contracts.application.client_registers import RegisterEntry
from contracts.application.clients import Client
from contracts.application.configuration import ItemState
from contracts.application.obligation_terms import Register
from contracts.application.papers import Paper, PaperSection, language_of, table
from contracts.application.ports import Workspace
from contracts.application.register_words import name_in
from shared.i18n import Translator
from shared.values import instant_text

ENTRY_COLUMNS = (
    "entry_id", "register", "title", "description", "state", "source", "source_id", "site_id", "created_at",
    "updated_at",
)  # fmt: skip
STATE_COLUMNS = (
    "configuration_item_id", "kind", "name", "site_id", "label", "state", "effective_from", "version_number",
    "recorded_at", "recorded_by", "does_not_go_with",
)  # fmt: skip


def register_export(
    entries: Sequence[RegisterEntry], register: Register, number: str, client: Client, work: Workspace, t: Translator
) -> Paper:
    """One of the client's lists under a contract, in the order in which the entries were made."""
    zone = ZoneInfo(client.time_zone)
    titles = {
        "functions": t.gettext("Register of functions"),
        "anomalies": t.gettext("Register of anomalies"),
        "works": t.gettext("Register of works carried out"),
    }
    section = PaperSection(code="entries", title=t.gettext("Entries"))
    if entries:
        section.tables = [
            table(
                [
                    t.gettext("What"),
                    t.gettext("Description"),
                    t.gettext("State"),
                    t.gettext("Entered"),
                    t.gettext("Changed"),
                ],
                [
                    [
                        entry.title,
                        entry.description,
                        name_in(t, entry.state),
                        t.datetime(entry.created_at, zone, width="short"),
                        t.datetime(entry.updated_at, zone, width="short"),
                    ]
                    for entry in entries
                ],
            )
        ]
    else:
        section.paragraphs = [t.gettext("The register has no entries.")]
    return Paper(
        kind="register_export",
        language=language_of(t),
        title=titles[register],
        subtitle=f"{number} – {client.name}",
        as_of=work.now,
        as_of_in_words=t.datetime(work.now, zone),
        notices=[],
        introduction=[],
        sections=[section],
        closing=[],
        signature=[],
    )


def entry_cells(entry: RegisterEntry) -> list[object]:
    """An entry as a line of CSV: codes and instants as programs read them."""
    return [
        str(entry.entry_id),
        entry.kind,
        entry.title,
        entry.description,
        entry.state,
        entry.source,
        "" if entry.source_id is None else str(entry.source_id),
        "" if entry.site_id is None else str(entry.site_id),
        instant_text(entry.created_at),
        instant_text(entry.updated_at),
    ]


def configuration_report(
    states: Sequence[ItemState], client: Client, at: datetime, known_at: datetime, work: Workspace, t: Translator
) -> Paper:
    """What was in service at an instant, by what was known at another: the same for ever."""
    zone = ZoneInfo(client.time_zone)
    known = [state for state in states if state.held is not None]
    section = PaperSection(code="items", title=t.gettext("In service then"))
    if known:
        section.tables = [
            table(
                [
                    t.gettext("Item"),
                    t.gettext("Kind"),
                    t.gettext("Version"),
                    t.gettext("State"),
                    t.gettext("Since"),
                    t.gettext("Does not go with"),
                ],
                [
                    [
                        state.name,
                        name_in(t, state.kind),
                        state.held.label,
                        name_in(t, state.held.state),
                        t.datetime(state.held.effective_from, zone, width="short"),
                        ", ".join(f"{each.other_name} {each.other_label}" for each in state.held.incompatibilities)
                        or "–",
                    ]
                    for state in known
                    if state.held is not None
                ],
            )
        ]
    else:
        section.paragraphs = [t.gettext("Nothing was known of what was in service then.")]
    unknown = [state.name for state in states if state.held is None]
    if known and unknown:
        section.paragraphs = [t.gettext("Nothing was known then of: %(names)s.", names=t.enumeration(unknown))]
    return Paper(
        kind="configuration_report",
        language=language_of(t),
        title=t.gettext("Configuration as of %(instant)s", instant=t.datetime(at, zone)),
        subtitle=client.name,
        as_of=at,
        as_of_in_words=t.gettext(
            "%(at)s, by what was known on %(known)s", at=t.datetime(at, zone), known=t.datetime(known_at, zone)
        ),
        notices=[],
        introduction=[],
        sections=[section],
        closing=[],
        signature=[],
    )


def state_cells(state: ItemState) -> list[object]:
    """An item at an instant as a line of CSV; without a version nothing was known of it."""
    held = state.held
    plain = [
        str(state.configuration_item_id),
        str(state.kind),
        state.name,
        "" if state.site_id is None else str(state.site_id),
    ]
    if held is None:
        return [*plain, *[""] * (len(STATE_COLUMNS) - len(plain))]
    return [
        *plain,
        held.label,
        str(held.state),
        instant_text(held.effective_from),
        held.number,
        instant_text(held.recorded_at),
        held.recorded_by,
        ", ".join(f"{each.other_name} {each.other_label}" for each in held.incompatibilities),
    ]
