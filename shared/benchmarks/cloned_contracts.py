"""Copies of a contract with everything that happened under it: the rows that the API wrote, with other ids.

A contract of each agency is made for real. Its rows in all four schemas are then written again, as often as wanted, by
COPY: every id that belongs to the contract is replaced by another one, wherever it stands (columns, documents, the
bytes of events), numbers that people read go on, and what is over is moved back by whole days. Foreign keys and
triggers are left out while it is written: what is copied held them.

Not copied: the audit log (its chain of hashes admits no second), single checks and what probes rolled up of them.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from operator import itemgetter
from typing import Any

import psycopg
from psycopg import sql

SCHEMAS = ["contracts", "probes", "incidents", "reporting"]
_LEFT_OUT = ("audit_", "portal_", "alembic", "result", "rollup_", "idempotency", "item_number", "contract_number")
_LEFT_OUT_OF = {("probes", "rollup"), ("incidents", "item_stream")}
_NOT_MOVED = {
    *(("outbox", "inbox", "contract_life", "cover_gap", "cover_look", "work_order_schedule", "settlement_schedule")),
    *(("uptime_period", "location_state", "contract_price", "contract_document")),
}
"""What is due some time, or is kept for some days only: moved into the past, all of it would be due at once."""
_NOT_MOVED_OF = {("probes", "monitor"), ("probes", "monitor_rules"), ("probes", "contract_version")}

_OPEN = """
with open_item as (select id from incidents.work_item where tenant_id = %s
    and status not in ('closed', 'completed', 'cancelled', 'declined', 'accepted'))
select id from open_item union select c.id from incidents.clock c join open_item i on i.id = c.item_id
    where c.tenant_id = %s
"""
_OF_THE_AGENCY = "audit.checkpoint_made"
"""An event of no contract, though it has an id of its own."""

_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_IDS = re.compile(_ID)
_PIECES = re.compile(rf"({_ID}|\b\d{{4}}-\d\d-\d\d(?=[ T]\d\d:\d\d)|\b[A-Z]{{1,3}}-\d{{4}}-\d{{4,}}\b)")
_POSITION = re.compile(r"\t(\d+)$")
CHUNK = 100


@dataclass
class Table:
    """The rows of one agency in one table, cut at what differs from copy to copy."""

    schema: str
    name: str
    columns: Sequence[str]
    pieces: list[str] = field(default_factory=list)
    """Text and, at every odd place, what is replaced; empty at the end of the rows."""
    chosen: Any = None
    """Picks from the replacements of a copy those of the odd places."""

    @property
    def target(self) -> sql.Composed:
        """The table with its columns, as COPY takes it."""
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        return sql.SQL("{} ({})").format(sql.Identifier(self.schema, self.name), columns)


@dataclass
class Agency:
    """One agency with the contract that was made for real."""

    tenant_id: str
    contract_id: str
    as_new: set[str] = field(default_factory=set)
    """Ids of items that are open, and of their clocks: they are as new in every copy."""
    tables: list[Table] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    positions: list[str] = field(default_factory=list)
    rows: int = 0

    def replacements(self, copy: int, moved: timedelta) -> list[str]:
        """What the `copy`-th copy (from 1 on) puts in the place of ids, days, numbers and positions."""
        chance = random.Random(f"{self.tenant_id} {copy}")
        back = int(moved.total_seconds() * 1000)
        found = [_another(each, chance, back) for each in self.ids]
        found += [(date.fromisoformat(each) - moved).isoformat() for each in self.days]
        for number in self.numbers:
            kind, year, last = number.split("-")
            of_kind = sum(each.startswith(f"{kind}-") for each in self.numbers)
            found.append(f"{kind}-{year}-{int(last) + copy * of_kind:04}")
        found += [f"\t{int(each) + copy * len(self.positions)}" for each in self.positions]
        return found


def _another(value: str, chance: random.Random, back: int) -> str:
    """Another id; one that begins with its time (version 7) with that time moved back."""
    bits = f"{chance.getrandbits(74):019x}"
    rest = f"{bits[0:3]}-{8 + int(bits[3], 16) % 4:x}{bits[4:7]}-{bits[7:19]}"
    if value[14] != "7":
        return f"{chance.getrandbits(32):08x}-{chance.getrandbits(16):04x}-{value[14]}{rest}"
    at = f"{int(value[:8] + value[9:13], 16) - back:012x}"
    return f"{at[:8]}-{at[8:]}-7{rest}"


def ids_of(connection: psycopg.Connection[Any], tenants: Sequence[str]) -> dict[str, set[str]]:
    """Every id that stands in the rows of these agencies now: what a copy must not replace, if asked before."""
    found: dict[str, set[str]] = {tenant: {tenant} for tenant in tenants}
    for table in _tables(connection):
        for tenant, line in _lines(connection, table):
            if tenant in found:
                found[tenant].update(_IDS.findall(line))
    return found


def read_agencies(
    connection: psycopg.Connection[Any], agencies: Sequence[Agency], kept: Mapping[str, set[str]], today: date
) -> None:
    """Reads the rows of every agency's contract: those in which an id stands that is not one of `kept`."""
    connection.execute("set bytea_output = 'escape'")  # so that ids can be seen in the bytes of events
    for agency in agencies:
        # A fact of a clock names the clock only: moved back, the clocks of what is open would all be breached at once.
        agency.as_new |= {str(row[0]) for row in connection.execute(_OPEN, [agency.tenant_id, agency.tenant_id])}
    by_tenant = {agency.tenant_id: agency for agency in agencies}
    owner = _owners(connection, kept)
    for table in _tables(connection):
        lines: dict[str, list[str]] = {}
        for tenant, line in _lines(connection, table):
            if _OF_THE_AGENCY in line:
                continue
            ids = set(_IDS.findall(line))
            whose = tenant or next((owner[each] for each in ids if each in owner), "")
            if whose in by_tenant and ids - kept[whose]:
                lines.setdefault(whose, []).append(line)
        for tenant, of_tenant in lines.items():
            _add(by_tenant[tenant], Table(table.schema, table.name, table.columns), of_tenant, kept[tenant], today)
    for agency in agencies:
        places = {text: place for place, text in enumerate(agency.ids + agency.days + agency.numbers)}
        before_positions = len(places)
        places |= {f"\t{each}": before_positions + place for place, each in enumerate(agency.positions)}
        for table in agency.tables:
            picked = [places[piece] for piece in table.pieces[1::2]]
            # With one place alone it would give what stands there instead of a tuple.
            table.chosen = itemgetter(*picked) if len(picked) > 1 else itemgetter(slice(picked[0], picked[0] + 1))


def _owners(connection: psycopg.Connection[Any], kept: Mapping[str, set[str]]) -> dict[str, str]:
    """Whose an event is: inboxes know only its id."""
    found: dict[str, str] = {}
    for table in _tables(connection):
        if table.name in {"outbox", "event", "fact"}:
            for tenant, line in _lines(connection, table):
                if tenant in kept:
                    found |= {each: tenant for each in _IDS.findall(line) if each not in kept[tenant]}
    return found


def _add(agency: Agency, table: Table, lines: Sequence[str], kept: set[str], today: date) -> None:
    """Cuts the rows of a table. Days that are to come stay, and those of what is not moved."""
    stays = table.name in _NOT_MOVED or (table.schema, table.name) in _NOT_MOVED_OF
    text: list[str] = [""]
    known = {*agency.ids, *agency.days, *agency.numbers}
    for line in lines:
        as_new = stays or any(each in line for each in agency.as_new)
        for place, piece in enumerate(_PIECES.split(line)):
            replaced = place % 2 == 1 and not (
                piece in kept or (len(piece) == 10 and (as_new or date.fromisoformat(piece) > today))
            )
            if not replaced:
                text[-1] += piece
                continue
            text += [piece, ""]
            if piece not in known:
                known.add(piece)
                numbered = agency.numbers if piece[0].isupper() else agency.ids
                (agency.days if len(piece) == 10 else numbered).append(piece)
        if (table.schema, table.name) == ("incidents", "item_fact") and (match := _POSITION.search(text[-1])):
            agency.positions.append(match[1])
            text[-1:] = [text[-1][: match.start()], match[0], ""]
        text[-1] += "\n"
    table.pieces = text
    agency.rows += len(lines)
    agency.tables.append(table)


def write_copies(connection: psycopg.Connection[Any], agency: Agency, copies: int, days_back: int) -> None:
    """Writes so many copies of the agency's contract, evenly over the days before today."""
    connection.execute("set session_replication_role = replica")
    connection.execute("set synchronous_commit = off")
    for first in range(1, copies + 1, CHUNK):
        chunk = [
            agency.replacements(copy, timedelta(days=copy % (days_back + 1)))
            for copy in range(first, min(first + CHUNK, copies + 1))
        ]
        with connection.transaction():
            for table in agency.tables:
                with connection.cursor().copy(sql.SQL("copy {} from stdin").format(table.target)) as copy_in:
                    pieces = list(table.pieces)
                    for replacements in chunk:
                        pieces[1::2] = table.chosen(replacements)
                        copy_in.write("".join(pieces).encode())
    for counter in ("contracts.contract_number", "incidents.item_number", "incidents.item_stream"):
        query = sql.SQL("update {} set last = last * %s where tenant_id = %s")
        of_counter = query.format(sql.Identifier(*counter.split(".")))
        connection.execute(of_counter, [copies + 1, agency.tenant_id])
    connection.execute("set session_replication_role = origin")


def _columns_of(connection: psycopg.Connection[Any], schema: str, table: str) -> list[str]:
    """The columns that an insert may name: neither generated ones nor those that number themselves."""
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped "
        "and attidentity = '' and attgenerated = '' order by attnum",
        [f"{schema}.{table}"],
    )
    return [row[0] for row in rows]


def _tables(connection: psycopg.Connection[Any]) -> list[Table]:
    """Every table whose rows are copied."""
    rows = connection.execute(
        "select schemaname, tablename from pg_tables where schemaname = any(%s) order by 1, 2", [SCHEMAS]
    ).fetchall()
    return [
        Table(schema, name, _columns_of(connection, schema, name))
        for schema, name in rows
        if not name.startswith(_LEFT_OUT) and (schema, name) not in _LEFT_OUT_OF
    ]


def _lines(connection: psycopg.Connection[Any], table: Table) -> Iterator[tuple[str, str]]:
    """(agency or "", row as COPY writes it) of every row of a table."""
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    tenant: sql.Composable = sql.SQL("''")
    if "tenant_id" in table.columns:
        tenant = sql.SQL("tenant_id")
    elif table.name == "outbox":
        tenant = sql.SQL("envelope::jsonb ->> 'tenantid'")
    query = sql.SQL("copy (select {}, {} from {}) to stdout").format(
        tenant, columns, sql.Identifier(table.schema, table.name)
    )
    with connection.cursor().copy(query) as copy_out:
        content = b"".join(bytes(block) for block in copy_out).decode()
    for line in content.splitlines() if "\r" not in content else content.split("\n"):
        if line:
            whose, _, row = line.partition("\t")
            yield whose, row
