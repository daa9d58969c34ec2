"""Incidents become one of four kinds of work items: all data stays under its ids, what hangs on an item names it."""

from alembic import op

from shared.database import protect_rows
from shared.migrations import grant_application_role

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = "incidents"

RENAMES = """
alter table incidents.incident rename to work_item;
alter table incidents.incident_stamp rename to item_stamp;
alter table incidents.incident_number rename to item_number;
alter table incidents.item_stamp rename column incident_id to item_id;
alter table incidents.timeline_entry rename column incident_id to item_id;
alter table incidents.clock rename column incident_id to item_id;
alter table incidents.clock_due rename column incident_id to item_id;
alter table incidents.notification rename column incident_id to item_id;

alter table incidents.work_item rename constraint pk_incident to pk_work_item;
alter table incidents.work_item rename constraint uq_incident_tenant_id_number to uq_work_item_tenant_id_number;
alter table incidents.work_item rename constraint ck_incident_outage_of_monitor to ck_work_item_outage_of_monitor;
alter index incidents.uq_incident_outage_id rename to uq_work_item_outage_id;
alter index incidents.ix_incident_contract_id rename to ix_work_item_contract_id;
alter index incidents.ix_incident_tenant_id_opened_at_id rename to ix_work_item_tenant_id_opened_at_id;
alter table incidents.item_stamp rename constraint pk_incident_stamp to pk_item_stamp;
alter table incidents.item_stamp rename constraint fk_incident_stamp_incident_id to fk_item_stamp_item_id;
alter table incidents.timeline_entry rename constraint fk_timeline_entry_incident_id to fk_timeline_entry_item_id;
alter index incidents.ix_timeline_entry_incident_id_at_id rename to ix_timeline_entry_item_id_at_id;
alter table incidents.clock rename constraint uq_clock_incident_id_metric to uq_clock_item_id_metric;
alter table incidents.clock rename constraint fk_clock_incident_id to fk_clock_item_id;
alter index incidents.ix_clock_due_incident_id rename to ix_clock_due_item_id;
alter table incidents.notification rename constraint fk_notification_incident_id to fk_notification_item_id;
alter index incidents.ix_notification_incident_id rename to ix_notification_item_id;
"""

KINDS = """
alter table incidents.item_number
    add column kind text not null default 'incident',
    drop constraint pk_incident_number,
    add constraint pk_item_number primary key (tenant_id, year, kind);
alter table incidents.item_number alter column kind drop default;

alter table incidents.work_item
    drop constraint ck_incident_status,
    drop constraint ck_incident_severity,
    add column kind text not null default 'incident',
    add column category text default 'corrective',
    add column impact text,
    add column criticality text,
    add column requester jsonb,
    add column assignee_id text,
    add column assignee_name text,
    add column support_level smallint not null default 1,
    add column scope_verdict text not null default 'undecided',
    add column decided_rank integer,
    add column details jsonb not null default '{}',
    add column merged_into_id uuid,
    add column duplicate_of_id uuid,
    add constraint ck_work_item_kind check (kind in ('incident', 'request', 'change', 'work_order')),
    add constraint ck_work_item_status check (status in ('open', 'acknowledged', 'mitigated', 'resolved', 'draft',
        'scoped', 'estimated', 'approved', 'declined', 'deploying', 'deployed', 'accepted', 'rejected', 'planned',
        'started', 'completed', 'cancelled', 'closed')),
    add constraint ck_work_item_category
        check (category in ('corrective', 'preventive', 'evolutionary', 'assistance')),
    add constraint ck_work_item_impact check (impact in ('availability', 'security', 'data', 'operations')),
    add constraint ck_work_item_criticality check (criticality in ('low', 'medium', 'high')),
    add constraint ck_work_item_support_level check (support_level in (1, 2)),
    add constraint ck_work_item_scope_verdict check (scope_verdict in ('in_scope', 'out_of_scope', 'undecided')),
    add constraint ck_work_item_requester check ((kind = 'request') <= (requester is not null)),
    add constraint fk_work_item_merged_into_id foreign key (merged_into_id) references incidents.work_item (id),
    add constraint fk_work_item_duplicate_of_id foreign key (duplicate_of_id) references incidents.work_item (id);
alter table incidents.work_item
    alter column kind drop default,
    alter column category drop default,
    alter column support_level drop default,
    alter column scope_verdict drop default,
    alter column details drop default;
create index ix_work_item_tenant_id_kind_opened_at_id on incidents.work_item (tenant_id, kind, opened_at, id);

alter table incidents.clock
    drop constraint ck_clock_metric,
    add constraint ck_clock_metric
        check (metric in ('response', 'mitigation', 'repair', 'next_reply', 'acceptance', 'post_mortem'));
alter table incidents.clock_event
    drop constraint ck_clock_event_kind,
    add column severity text,
    add constraint ck_clock_event_kind
        check (kind in ('opened', 'paused', 'resumed', 'stopped', 'reopened', 'cancelled', 'reclassified'));

-- By which severity a clock was opened is a fact of its own now, because a severity may change.
alter table incidents.clock_event disable trigger facts_stay;
update incidents.clock_event set severity = item.severity
from incidents.clock, incidents.work_item item
where clock_event.kind = 'opened' and clock.id = clock_event.clock_id and item.id = clock.item_id;
alter table incidents.clock_event enable trigger facts_stay;
"""

TABLES = """
create table incidents.item_pause (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    item_id uuid not null,
    reason text not null,
    allowed boolean not null,
    paused_at timestamptz not null,
    evidence jsonb not null,
    actor_kind text not null,
    actor_id text not null,
    actor_name text not null,
    resumed_at timestamptz,
    answer jsonb,
    resumed_by_kind text,
    resumed_by_id text,
    resumed_by_name text,
    constraint pk_item_pause primary key (id),
    constraint fk_item_pause_item_id foreign key (item_id) references incidents.work_item (id)
);
create index ix_item_pause_item_id_paused_at_id on incidents.item_pause (item_id, paused_at, id);

create table incidents.item_link (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    item_id uuid not null,
    kind text not null,
    target_id uuid,
    target text,
    created_at timestamptz not null,
    actor_kind text not null,
    actor_id text not null,
    actor_name text not null,
    constraint pk_item_link primary key (id),
    constraint uq_item_link_item_id_kind_target_id unique (item_id, kind, target_id),
    constraint fk_item_link_item_id foreign key (item_id) references incidents.work_item (id),
    constraint fk_item_link_target_id foreign key (target_id) references incidents.work_item (id),
    constraint ck_item_link_kind
        check (kind in ('duplicates', 'relates', 'caused_by', 'fixes', 'r_and_d', 'industrialisation')),
    constraint ck_item_link_one_target check ((target_id is null) <> (target is null))
);
create index ix_item_link_item_id_id on incidents.item_link (item_id, id);
create index ix_item_link_target_id on incidents.item_link (target_id);

create table incidents.hand_over (
    id bigint generated always as identity,
    tenant_id uuid not null,
    client_id uuid not null,
    item_id uuid not null,
    to_level smallint not null,
    at timestamptz not null,
    evidence jsonb not null,
    actor_kind text not null,
    actor_id text not null,
    actor_name text not null,
    constraint pk_hand_over primary key (id),
    constraint fk_hand_over_item_id foreign key (item_id) references incidents.work_item (id),
    constraint ck_hand_over_to_level check (to_level in (1, 2))
);
create index ix_hand_over_item_id_at on incidents.hand_over (item_id, at);

create table incidents.work_order_schedule (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    contract_id uuid not null,
    site_id uuid,
    environment_id uuid,
    title text not null,
    description text not null,
    work text not null,
    recurrence text not null,
    first_on date not null,
    non_working_day text not null,
    lead_days integer not null,
    checklist jsonb not null,
    active boolean not null,
    next_on date,
    due_at timestamptz,
    version bigint not null,
    created_at timestamptz not null,
    constraint pk_work_order_schedule primary key (id),
    constraint ck_work_order_schedule_rule
        check (non_working_day in ('skip', 'next_business_day', 'previous_business_day'))
);
create index ix_work_order_schedule_due_at on incidents.work_order_schedule (due_at) where due_at is not null;
create index ix_work_order_schedule_tenant_id_created_at_id
    on incidents.work_order_schedule (tenant_id, created_at, id);

create table incidents.work_order_occurrence (
    schedule_id uuid not null,
    day date not null,
    tenant_id uuid not null,
    client_id uuid not null,
    planned_on date,
    why text,
    item_id uuid,
    made_at timestamptz not null,
    constraint pk_work_order_occurrence primary key (schedule_id, day),
    constraint fk_work_order_occurrence_schedule_id
        foreign key (schedule_id) references incidents.work_order_schedule (id),
    constraint fk_work_order_occurrence_item_id foreign key (item_id) references incidents.work_item (id)
);
"""

OF_CLIENTS = ("item_pause", "item_link", "hand_over", "work_order_schedule", "work_order_occurrence")
FACTS = ("hand_over", "work_order_occurrence")


def upgrade() -> None:
    for statements in (RENAMES, KINDS, TABLES):
        op.execute(statements)
    for table in FACTS:
        op.execute(
            f"create trigger facts_stay before update or delete on {SCHEMA}.{table} "
            f"for each row execute function {SCHEMA}.facts_stay()"
        )
    for table in OF_CLIENTS:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    grant_application_role(op, SCHEMA)
