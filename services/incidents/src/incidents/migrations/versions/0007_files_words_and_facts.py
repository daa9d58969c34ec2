"""Attachments of items, words to find items by, filters that people keep, and what streams tell in order."""

from alembic import op

from shared.database import CLIENT_SETTING, protect_rows
from shared.migrations import grant_application_role

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SCHEMA = "incidents"

TABLES = """
create table incidents.attachment (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    item_id uuid not null,
    audience text not null,
    name text not null,
    media_type text not null,
    size integer not null,
    sha256 bytea not null,
    content bytea not null,
    source text not null,
    added_at timestamptz not null,
    actor_kind text not null,
    actor_id text not null,
    actor_name text not null,
    constraint pk_attachment primary key (id),
    constraint fk_attachment_item_id foreign key (item_id) references incidents.work_item (id),
    constraint uq_attachment_item_id_audience_name_sha256 unique (item_id, audience, name, sha256),
    constraint ck_attachment_audience check (audience in ('client', 'agency')),
    constraint ck_attachment_source check (source in ('api', 'mail')),
    constraint ck_attachment_size check (size = length(content))
);
create index ix_attachment_item_id_added_at_id on incidents.attachment (item_id, added_at, id);
-- What people attach is compressed already.
alter table incidents.attachment alter column content set storage external;

create table incidents.held_file (
    mail_id uuid not null,
    place smallint not null,
    tenant_id uuid not null,
    client_id uuid not null,
    name text not null,
    media_type text not null,
    content bytea not null,
    constraint pk_held_file primary key (mail_id, place),
    constraint fk_held_file_mail_id foreign key (mail_id) references incidents.intake_mail (id) on delete cascade
);
alter table incidents.held_file alter column content set storage external;

create table incidents.saved_filter (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid,
    owner_id text not null,
    owner_name text not null,
    name text not null,
    shared boolean not null,
    filters jsonb not null,
    version bigint not null,
    created_at timestamptz not null,
    changed_at timestamptz not null,
    constraint pk_saved_filter primary key (id),
    constraint uq_saved_filter_tenant_id_owner_id_name unique (tenant_id, owner_id, name)
);
create index ix_saved_filter_tenant_id_created_at_id on incidents.saved_filter (tenant_id, created_at, id);

create table incidents.item_words (
    item_id uuid not null,
    audience text not null,
    tenant_id uuid not null,
    client_id uuid not null,
    words tsvector not null,
    constraint pk_item_words primary key (item_id, audience),
    constraint fk_item_words_item_id foreign key (item_id) references incidents.work_item (id),
    constraint ck_item_words_audience check (audience in ('client', 'agency'))
);
create index ix_item_words_words on incidents.item_words using gin (words);

create table incidents.item_fact (
    entry_id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    item_id uuid not null,
    audience text not null,
    recorded_at timestamptz not null,
    position bigint,
    constraint pk_item_fact primary key (entry_id),
    constraint fk_item_fact_entry_id foreign key (entry_id) references incidents.timeline_entry (id),
    constraint uq_item_fact_tenant_id_position unique (tenant_id, position),
    constraint ck_item_fact_audience check (audience in ('client', 'agency'))
);
create index ix_item_fact_unplaced on incidents.item_fact (entry_id) where position is null;
create index ix_item_fact_recorded_at on incidents.item_fact (recorded_at);
alter table incidents.item_fact
    set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

create table incidents.item_stream (
    tenant_id uuid not null,
    last bigint not null,
    forgotten bigint not null,
    constraint pk_item_stream primary key (tenant_id)
);
"""

# Letters without their accents, and words without what joins them: "l'élève" is found by "eleve", INC-2026-0001 by
# 2026-0001. A hyphen before a word and quotes keep the meaning that they have in a query.
WORDS = r"""
create function incidents.folded(said text) returns text
language sql immutable parallel safe set search_path = '' as $$
    select regexp_replace(
        regexp_replace(
            replace(replace(replace(lower(normalize(said, nfkd)), 'œ', 'oe'), 'æ', 'ae'), 'ß', 'ss'),
            '[\u0300-\u036f]', '', 'g'
        ),
        '([[:alnum:]])[^[:alnum:]\s"]+(?=[[:alnum:]])', '\1 ', 'g'
    )
$$;

create function incidents.words_of(said text, weight "char") returns tsvector
language sql immutable parallel safe set search_path = '' as $$
    select setweight(
        to_tsvector('pg_catalog.simple', folded.text)
        || to_tsvector('pg_catalog.french', folded.text)
        || to_tsvector('pg_catalog.english', folded.text),
        weight
    )
    from (select incidents.folded(coalesce(said, '')) as text) folded
$$;

create function incidents.asked_words(said text) returns tsquery
language sql immutable parallel safe set search_path = '' as $$
    select websearch_to_tsquery('pg_catalog.simple', folded.text)
        || websearch_to_tsquery('pg_catalog.french', folded.text)
        || websearch_to_tsquery('pg_catalog.english', folded.text)
    from (select incidents.folded(said) as text) folded
$$;
"""

# The functions below write as the owner of the tables: somebody of the client's who reports or comments must be found
# by the agency too, in rows that he cannot see. What is more than a tsvector can hold (a megabyte) is not found.
GATHERING = r"""
create function incidents.gather_words(gathered uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
    insert into incidents.item_words (item_id, audience, tenant_id, client_id, words)
    select i.id, seen.audience, i.tenant_id, i.client_id,
        incidents.words_of(i.number || ' ' || i.title, 'A')
        || incidents.words_of(
            concat_ws(' ', i.requester ->> 'name', i.requester ->> 'email', i.requester ->> 'phone'), 'B'
        )
        || incidents.words_of(concat_ws(' ', i.description, form.said), 'C')
        || incidents.words_of(notes.said, 'D')
    from incidents.work_item i
    cross join (values ('client'), ('agency')) seen (audience)
    left join lateral (
        select string_agg(part #>> '{}', ' ') as said
        from jsonb_path_query(i.details, 'strict $.** ? (@.type() == "string")') part
    ) form on true
    left join lateral (
        select string_agg(t.note, ' ') as said from incidents.timeline_entry t
        where t.item_id = i.id and seen.audience in ('agency', t.audience)
    ) notes on true
    where i.id = gathered
    on conflict (item_id, audience) do update set words = excluded.words;
exception when program_limit_exceeded then
    null;
end
$$;

create function incidents.gather_words_of_item() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    perform incidents.gather_words(new.id);
    return null;
end
$$;

create function incidents.add_words_of_entry() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    update incidents.item_words w set words = w.words || incidents.words_of(new.note, 'D')
    where w.item_id = new.item_id and w.audience in ('agency', new.audience);
    return null;
exception when program_limit_exceeded then
    return null;
end
$$;

create trigger gather_words after insert on incidents.work_item
    for each row execute function incidents.gather_words_of_item();
create trigger gather_changed_words after update on incidents.work_item
    for each row when (
        (old.number, old.title, old.description, old.requester, old.details)
        is distinct from (new.number, new.title, new.description, new.requester, new.details)
    ) execute function incidents.gather_words_of_item();
create trigger add_words after insert on incidents.timeline_entry
    for each row when (new.note is not null) execute function incidents.add_words_of_entry();
"""

OF_CLIENTS = ("attachment", "held_file", "saved_filter", "item_words", "item_fact")
OF_TENANTS = ("item_stream",)
WITH_AUDIENCE = ("attachment", "item_words", "item_fact")


def upgrade() -> None:
    for statements in (TABLES, WORDS, GATHERING):
        op.execute(statements)
    for table in OF_CLIENTS:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    for table in OF_TENANTS:
        protect_rows(op, SCHEMA, table)
    for table in WITH_AUDIENCE:
        # Reading only: what a client's person does may make rows for the agency, which he then does not see.
        op.execute(
            f"create policy audience_isolation on {SCHEMA}.{table} as restrictive for select "
            f"using (audience = 'client' or (select nullif(current_setting('{CLIENT_SETTING}', true), '')) is null)"
        )
    op.execute("select incidents.gather_words(id) from incidents.work_item")
    grant_application_role(op, SCHEMA)
