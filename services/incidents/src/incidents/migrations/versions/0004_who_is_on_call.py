"""People, on-call schedules with overrides, escalations frozen per item, and gaps in the cover that is promised."""

from alembic import op

from shared.database import protect_rows
from shared.migrations import grant_application_role

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = "incidents"

TABLES = """
create table incidents.person (
    id uuid not null,
    tenant_id uuid not null,
    user_id uuid,
    name text not null,
    email text not null,
    language text not null,
    time_zone text not null,
    roles text[] not null,
    version bigint not null,
    created_at timestamptz not null,
    removed_at timestamptz,
    constraint pk_person primary key (id)
);
create unique index uq_person_tenant_id_user_id on incidents.person (tenant_id, user_id)
    where user_id is not null and removed_at is null;
create index ix_person_tenant_id_id on incidents.person (tenant_id, id);

create table incidents.quiet_hours (
    person_id uuid not null,
    tenant_id uuid not null,
    version bigint not null,
    hours jsonb not null,
    changed_at timestamptz not null,
    constraint pk_quiet_hours primary key (person_id),
    constraint fk_quiet_hours_person_id foreign key (person_id) references incidents.person (id)
);

create table incidents.on_call_schedule (
    id uuid not null,
    tenant_id uuid not null,
    name text not null,
    contract_ids uuid[] not null,
    version bigint not null,
    created_at timestamptz not null,
    removed_at timestamptz,
    constraint pk_on_call_schedule primary key (id)
);
create index ix_on_call_schedule_tenant_id_id on incidents.on_call_schedule (tenant_id, id);

create table incidents.on_call_rota (
    schedule_id uuid not null,
    version bigint not null,
    tenant_id uuid not null,
    effective_from timestamptz not null,
    layers jsonb not null,
    constraint pk_on_call_rota primary key (schedule_id, version),
    constraint fk_on_call_rota_schedule_id foreign key (schedule_id) references incidents.on_call_schedule (id)
);

create table incidents.on_call_override (
    id uuid not null,
    tenant_id uuid not null,
    schedule_id uuid not null,
    person_id uuid not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    reason text not null,
    created_at timestamptz not null,
    cancelled_at timestamptz,
    constraint pk_on_call_override primary key (id),
    constraint fk_on_call_override_schedule_id foreign key (schedule_id) references incidents.on_call_schedule (id),
    constraint fk_on_call_override_person_id foreign key (person_id) references incidents.person (id),
    constraint ck_on_call_override_in_order check (starts_at < ends_at)
);
create index ix_on_call_override_schedule_id_id on incidents.on_call_override (schedule_id, id);

create table incidents.escalation_policy (
    id uuid not null,
    tenant_id uuid not null,
    version bigint not null,
    created_at timestamptz not null,
    removed_at timestamptz,
    constraint pk_escalation_policy primary key (id)
);
create index ix_escalation_policy_tenant_id_id on incidents.escalation_policy (tenant_id, id);

create table incidents.escalation_policy_version (
    policy_id uuid not null,
    version bigint not null,
    tenant_id uuid not null,
    effective_from timestamptz not null,
    policy jsonb not null,
    constraint pk_escalation_policy_version primary key (policy_id, version),
    constraint fk_escalation_policy_version_policy_id
        foreign key (policy_id) references incidents.escalation_policy (id)
);

create table incidents.escalation (
    item_id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    policy_id uuid,
    policy_version bigint,
    policy jsonb,
    frozen_at timestamptz not null,
    clocks_seen timestamptz,
    watched boolean not null,
    constraint pk_escalation primary key (item_id),
    constraint fk_escalation_item_id foreign key (item_id) references incidents.work_item (id)
);

create index ix_escalation_watched on incidents.escalation (item_id) where watched;

create table incidents.escalation_level (
    item_id uuid not null,
    level integer not null,
    tenant_id uuid not null,
    client_id uuid not null,
    due_at timestamptz,
    fired_at timestamptz,
    outcome text,
    told jsonb not null,
    constraint pk_escalation_level primary key (item_id, level),
    constraint fk_escalation_level_item_id foreign key (item_id) references incidents.escalation (item_id),
    constraint ck_escalation_level_outcome check (outcome in ('told', 'waiting', 'nobody', 'overtaken')),
    constraint ck_escalation_level_outcome_of_fired check ((fired_at is null) = (outcome is null))
);
create index ix_escalation_level_due_at on incidents.escalation_level (due_at)
    where fired_at is null and due_at is not null;

create table incidents.cover_look (
    contract_id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    contract_version bigint not null,
    looked_at timestamptz,
    due_at timestamptz not null,
    constraint pk_cover_look primary key (contract_id)
);
create index ix_cover_look_due_at on incidents.cover_look (due_at);

create table incidents.cover_gap (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    contract_id uuid not null,
    starts_at timestamptz not null,
    ends_at timestamptz,
    opened_at timestamptz not null,
    cleared_at timestamptz,
    cleared_because text,
    version bigint not null,
    constraint pk_cover_gap primary key (id),
    constraint ck_cover_gap_cleared_because check (cleared_because in ('covered', 'not_promised', 'over')),
    constraint ck_cover_gap_reason_of_cleared check ((cleared_at is null) = (cleared_because is null))
);
create index ix_cover_gap_tenant_id_starts_at_id on incidents.cover_gap (tenant_id, starts_at, id);
create index ix_cover_gap_contract_id on incidents.cover_gap (contract_id) where cleared_at is null;

create table incidents.agency_message (
    id bigint generated always as identity,
    tenant_id uuid not null,
    contract_id uuid not null,
    kind text not null,
    fact text not null,
    recipient text not null,
    language text not null,
    details jsonb not null,
    state text not null,
    attempts integer not null,
    last_error text,
    created_at timestamptz not null,
    next_attempt_at timestamptz,
    sent_at timestamptz,
    constraint pk_agency_message primary key (id),
    constraint uq_agency_message_tenant_id_fact_recipient unique (tenant_id, fact, recipient),
    constraint ck_agency_message_state check (state in ('pending', 'sent', 'failed'))
);
create index ix_agency_message_next_attempt_at on incidents.agency_message (next_attempt_at)
    where next_attempt_at is not null;
"""

OF_CLIENTS = ("escalation", "escalation_level", "cover_look", "cover_gap")
OF_TENANTS = (
    "person",
    "quiet_hours",
    "on_call_schedule",
    "on_call_rota",
    "on_call_override",
    "escalation_policy",
    "escalation_policy_version",
    "agency_message",
)
FACTS = ("on_call_rota", "escalation_policy_version")


def upgrade() -> None:
    op.execute(TABLES)
    for table in FACTS:
        op.execute(
            f"create trigger facts_stay before update or delete on {SCHEMA}.{table} "
            f"for each row execute function {SCHEMA}.facts_stay()"
        )
    for table in OF_CLIENTS:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    for table in OF_TENANTS:
        protect_rows(op, SCHEMA, table)
    grant_application_role(op, SCHEMA)
