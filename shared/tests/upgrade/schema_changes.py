"""What a schema demands of whoever works on it, and what of it changed so that the release before may not live with it.

Compared are two real schemas, not the words of migrations: however a column was renamed, it is gone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

_TABLES = "c.relnamespace = %(schema)s::regnamespace and not c.relispartition and c.relname <> 'alembic_version'"

_COLUMNS = f"""
    select c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        a.atthasdef or a.attidentity <> '' as filled
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where {_TABLES} and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped"""

# A policy says the same with a sub-select around a setting and without one.
_RULES = rf"""
    select c.relname || ' ' || k.conname, pg_get_constraintdef(k.oid)
    from pg_class c join pg_constraint k on k.conrelid = c.oid
    where {_TABLES} and k.contype <> 'n'
    union all
    select c.relname || ' ' || i.relname, pg_get_indexdef(i.oid)
    from pg_class c join pg_index x on x.indrelid = c.oid join pg_class i on i.oid = x.indexrelid
    where {_TABLES} and x.indisunique and not exists (select from pg_constraint k where k.conindid = i.oid)
    union all
    select c.relname || ' ' || t.tgname, pg_get_triggerdef(t.oid)
    from pg_class c join pg_trigger t on t.tgrelid = c.oid where {_TABLES} and not t.tgisinternal
    union all
    select c.relname || ' ' || p.polname, concat_ws(' ', p.polcmd, p.polpermissive, translate(regexp_replace(
        concat_ws(' check ', pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid)),
        '\( SELECT (.*?) AS "?\w+"?\)', '\1', 'g'), '()', ''))
    from pg_class c join pg_policy p on p.polrelid = c.oid where {_TABLES}
    union all
    select c.relname || ' row security', c.relforcerowsecurity::text
    from pg_class c where {_TABLES} and c.relrowsecurity"""

_RIGHTS = f"""
    select c.relname || '.' || a.attname || ' ' || right_to from pg_class c
    join pg_attribute a on a.attrelid = c.oid, unnest(array['select', 'insert', 'update']) right_to
    where {_TABLES} and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped
        and has_column_privilege(%(schema)s || '_app', c.oid, a.attnum, right_to)
    union all
    select c.relname || ' delete' from pg_class c
    where {_TABLES} and c.relkind in ('r', 'p') and has_table_privilege(%(schema)s || '_app', c.oid, 'delete')"""


@dataclass(frozen=True)
class Column:
    """`filled`: who leaves it out of an insert gets a value all the same."""

    type: str
    never_null: bool
    filled: bool


@dataclass(frozen=True)
class Demands:
    """A schema as its application role meets it, by `table.column`, `table rule` and `table right`."""

    columns: Mapping[str, Column]
    rules: Mapping[str, str]
    """Constraints, unique indexes, triggers and row security, by their definition."""
    rights: frozenset[str]


def demands(connection: psycopg.Connection[Any], schema: str) -> Demands:
    """What a service's schema demands now."""

    def rows(query: str) -> list[Any]:
        return connection.execute(query.encode(), {"schema": schema}).fetchall()

    return Demands(
        columns={name: Column(*facts) for name, *facts in rows(_COLUMNS)},
        rules=dict(rows(_RULES)),
        rights=frozenset(name for (name,) in rows(_RIGHTS)),
    )


def unbearable(before: Demands, now: Demands) -> dict[str, str]:
    """Place to what the release before may not live with there; new tables are no business of its."""
    return dict([*_columns(before, now), *_rules(before, now), *_rights(before, now)])


def _table(place: str) -> str:
    return place.partition(" ")[0].partition(".")[0]


def _columns(before: Demands, now: Demands) -> Iterator[tuple[str, str]]:
    tables = {_table(name) for name in before.columns}
    for name, old in before.columns.items():
        new = now.columns.get(name)
        if new is None:
            yield name, "is gone: the release before reads and writes it"
        elif new.type != old.type:
            yield name, f"was {old.type}, is {new.type}"
        elif new.never_null and not old.never_null:
            yield name, "may not be null any more: the release before may leave it out"
        elif old.never_null and not new.never_null:
            yield name, "may be null now: the release before reads it as if it never were"
        elif old.filled and not new.filled:
            yield name, "has no default any more: the release before may leave it out"
    for name, new in now.columns.items():
        if name not in before.columns and _table(name) in tables and new.never_null and not new.filled:
            yield name, "is new, never null and has no default: the release before does not give it"


def _rules(before: Demands, now: Demands) -> Iterator[tuple[str, str]]:
    tables = {_table(name) for name in before.columns}
    left = {_table(name) for name in now.columns}
    for name in sorted(before.rules.keys() | now.rules.keys()):
        old, new = before.rules.get(name), now.rules.get(name)
        if old == new or _table(name) not in tables & left:
            continue
        if old is None:
            yield name, f"is new: {new}"
        elif new is None:
            yield name, f"is gone: {old}"
        else:
            yield name, f"was {old}, is {new}"


def _rights(before: Demands, now: Demands) -> Iterator[tuple[str, str]]:
    left = {_table(name) for name in now.columns} | now.columns.keys()
    for name in sorted(before.rights - now.rights):
        if name.rpartition(" ")[0] in left:
            yield name, "may not be done by the application any more"
