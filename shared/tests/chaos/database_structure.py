"""What a database is besides its rows: who may see and change which of them, and what keeps them in order.

A restore that brings every row back without a policy of row level security shows each agency the others' contracts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

Structure = Mapping[str, frozenset[str]]
"""Kind of a thing to the definitions of all of that kind, each in one line."""

# An empty list of grants stands for what the kind has by default: spelled out, the two are the same.
_GRANTS = """
select format('%%s %%s: %%s may %%s%%s by %%s', kind, name,
              case when grantee = 0 then 'everybody' else grantee::regrole::text end, privilege_type,
              case when is_grantable then ' and pass it on' else '' end, grantor::regrole)
  from (
    select 'schema', n.nspname, coalesce(n.nspacl, acldefault('n', n.nspowner))
      from pg_namespace n where n.nspname = any(%(schemas)s)
    union all
    select case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass::text,
           coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's'::"char" else 'r'::"char" end, c.relowner))
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'p', 'v', 'm', 'S')
    union all
    select 'column', a.attrelid::regclass::text || '.' || a.attname, a.attacl
      from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = any(%(schemas)s) and a.attacl is not null
    union all
    select 'function', p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner))
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = any(%(schemas)s)
    union all
    select 'default', coalesce(n.nspname, '') || ' ' || d.defaclobjtype::text || ' of ' || d.defaclrole::regrole::text,
           d.defaclacl
      from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
  ) granted (kind, name, acl), aclexplode(acl)
"""
_QUERIES = {
    "tables": """
select format('%%s: kind %%s, owner %%s, row level security %%s%%s, %%s %%s', c.oid::regclass, c.relkind,
              c.relowner::regrole, case when c.relrowsecurity then 'on' else 'off' end,
              case when c.relforcerowsecurity then ' for the owner too' else '' end,
              pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid))
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'p', 'v', 'm', 'S')""",
    "columns": """
select format('%%s.%%s: %%s%%s, %%s, identity "%%s", generated "%%s"', a.attrelid::regclass, a.attname,
              format_type(a.atttypid, a.atttypmod), case when a.attnotnull then ' not null' else '' end,
              pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated)
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped""",
    "policies": """
select format('%%s on %%s.%%s: %%s, %%s for %%s, using %%s, with check %%s', policyname, schemaname, tablename,
              permissive, cmd, roles, qual, with_check)
  from pg_policies where schemaname = any(%(schemas)s)""",
    "grants": _GRANTS,
    "constraints": """
select format('%%s on %%s: %%s', o.conname, o.conrelid::regclass, pg_get_constraintdef(o.oid))
  from pg_constraint o join pg_namespace n on n.oid = o.connamespace
 where n.nspname = any(%(schemas)s) and o.conparentid = 0  -- those of partitions follow from their table's
   and o.contype <> 'n'  -- columns tell of these; their names are made up anew""",
    "indexes": """
select pg_get_indexdef(i.indexrelid) || case when i.indisvalid then '' else ' (not valid)' end
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any(%(schemas)s)""",
    "triggers": """
-- without brackets: where a condition chains, they are set otherwise in what a dump made
select format('%%s, %%s', translate(pg_get_triggerdef(t.oid), '()', ''), t.tgenabled)
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any(%(schemas)s) and not t.tgisinternal""",
    "functions": """
select format('%%s of %%s', pg_get_functiondef(p.oid), p.proowner::regrole)
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname = any(%(schemas)s) and p.prokind in ('f', 'p')""",
    "views": """
select format('%%s: %%s', c.oid::regclass, pg_get_viewdef(c.oid))
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any(%(schemas)s) and c.relkind in ('v', 'm')""",
    "extensions": "select extname || ' in ' || extnamespace::regnamespace::text from pg_extension",
}


def structure(connection: psycopg.Connection[Any], schemas: Sequence[str]) -> Structure:
    """All of it, in these schemas."""
    return {
        kind: frozenset(" ".join(line.split()) for (line,) in connection.execute(query, {"schemas": list(schemas)}))
        for kind, query in _QUERIES.items()
    }


def sequences(connection: psycopg.Connection[Any], schemas: Sequence[str]) -> dict[str, int]:
    """Each sequence and the last number that it gave; 0 if none. One that is behind gives numbers out twice."""
    query = (
        "select format('%%s.%%s', schemaname, sequencename), coalesce(last_value, 0) from pg_sequences "
        "where schemaname = any(%(schemas)s)"
    )
    return dict(connection.execute(query, {"schemas": list(schemas)}).fetchall())


def differences(before: Structure, after: Structure) -> list[str]:
    """What is missing and what is there besides, in words."""
    return [
        f"{kind}: {what} {line}"
        for kind in before
        for what, lines in (("lacks", before[kind] - after[kind]), ("has besides", after[kind] - before[kind]))
        for line in sorted(lines)
    ]


def behind(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """Sequences that are gone, or would give numbers out again. Numbers that nobody used are no harm."""
    return [f"{name}: {after.get(name)} after {last}" for name, last in before.items() if after.get(name, -1) < last]
