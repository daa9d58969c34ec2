"""Incidents with their stamps and timelines, clocks as lists of facts, contract terms by version, messages to send."""

from alembic import op

from shared.database import CLIENT_SETTING, protect_rows
from shared.migrations import create_event_tables, grant_application_role

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "incidents"

TABLES = """
create table incidents.contract_terms (
    contract_id uuid not null,
    version bigint not null,
    tenant_id uuid not null,
    client_id uuid not null,
    status text not null,
    effective_from timestamptz not null,
    state jsonb not null,
    received_at timestamptz not null,
    constraint pk_contract_terms primary key (contract_id, version)
);

create table incidents.incident_number (
    tenant_id uuid not null,
    year smallint not null,
    last integer not null,
    constraint pk_incident_number primary key (tenant_id, year)
);

create table incidents.incident (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    contract_id uuid not null,
    site_id uuid,
    environment_id uuid,
    counts_for_sla boolean not null,
    number text not null,
    title text not null,
    description text not null,
    severity text not null,
    status text not null,
    cycle integer not null,
    source_kind text not null,
    outage_id uuid,
    monitor_id uuid,
    outage jsonb,
    opened_at timestamptz not null,
    version bigint not null,
    constraint pk_incident primary key (id),
    constraint uq_incident_tenant_id_number unique (tenant_id, number),
    constraint ck_incident_status check (status in ('open', 'acknowledged', 'mitigated', 'resolved', 'closed')),
    constraint ck_incident_severity check (severity in ('critical', 'major', 'minor')),
    constraint ck_incident_outage_of_monitor check ((source_kind = 'monitor') = (outage_id is not null))
);
create unique index uq_incident_outage_id on incidents.incident (outage_id) where outage_id is not null;
create index ix_incident_contract_id on incidents.incident (contract_id);
create index ix_incident_tenant_id_opened_at_id on incidents.incident (tenant_id, opened_at, id);

create table incidents.incident_stamp (
    incident_id uuid not null,
    cycle integer not null,
    milestone text not null,
    tenant_id uuid not null,
    client_id uuid not null,
    at timestamptz not null,
    actor_kind text not null,
    actor_id text not null,
    actor_name text not null,
    source text not null,
    recorded_at timestamptz not null,
    constraint pk_incident_stamp primary key (incident_id, cycle, milestone),
    constraint fk_incident_stamp_incident_id foreign key (incident_id) references incidents.incident (id)
);

create table incidents.timeline_entry (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    incident_id uuid not null,
    kind text not null,
    audience text not null,
    at timestamptz not null,
    recorded_at timestamptz not null,
    actor_kind text not null,
    actor_id text not null,
    actor_name text not null,
    source text not null,
    note text,
    data jsonb not null,
    constraint pk_timeline_entry primary key (id),
    constraint fk_timeline_entry_incident_id foreign key (incident_id) references incidents.incident (id),
    constraint ck_timeline_entry_audience check (audience in ('client', 'agency'))
);
create index ix_timeline_entry_incident_id_at_id on incidents.timeline_entry (incident_id, at, id);

create table incidents.clock (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    incident_id uuid not null,
    contract_id uuid not null,
    metric text not null,
    version bigint not null,
    constraint pk_clock primary key (id),
    constraint uq_clock_incident_id_metric unique (incident_id, metric),
    constraint fk_clock_incident_id foreign key (incident_id) references incidents.incident (id),
    constraint ck_clock_metric check (metric in ('response', 'repair'))
);
create index ix_clock_contract_id on incidents.clock (contract_id);

create table incidents.clock_event (
    id bigint generated always as identity,
    tenant_id uuid not null,
    client_id uuid not null,
    clock_id uuid not null,
    fact text not null,
    kind text not null,
    at timestamptz not null,
    pause_id text,
    reason text,
    actor_kind text not null,
    actor_id text not null,
    actor_name text not null,
    source text not null,
    recorded_at timestamptz not null,
    constraint pk_clock_event primary key (id),
    constraint uq_clock_event_clock_id_fact unique (clock_id, fact),
    constraint fk_clock_event_clock_id foreign key (clock_id) references incidents.clock (id),
    constraint ck_clock_event_kind
        check (kind in ('opened', 'paused', 'resumed', 'stopped', 'reopened', 'cancelled'))
);

create table incidents.clock_due (
    clock_id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    incident_id uuid not null,
    metric text not null,
    state text not null,
    reading jsonb not null,
    due_at timestamptz,
    breach_after timestamptz,
    next_due_at timestamptz,
    ended_at timestamptz,
    computed_at timestamptz not null,
    constraint pk_clock_due primary key (clock_id),
    constraint fk_clock_due_clock_id foreign key (clock_id) references incidents.clock (id)
);
create index ix_clock_due_next_due_at on incidents.clock_due (next_due_at) where next_due_at is not null;
create index ix_clock_due_incident_id on incidents.clock_due (incident_id);

create table incidents.clock_notice (
    clock_id uuid not null,
    cycle integer not null,
    kind text not null,
    percent integer not null,
    tenant_id uuid not null,
    client_id uuid not null,
    at timestamptz not null,
    said_at timestamptz not null,
    constraint pk_clock_notice primary key (clock_id, cycle, kind, percent),
    constraint fk_clock_notice_clock_id foreign key (clock_id) references incidents.clock (id)
);

create table incidents.alert_addresses (
    tenant_id uuid not null,
    version bigint not null,
    addresses jsonb not null,
    changed_at timestamptz not null,
    constraint pk_alert_addresses primary key (tenant_id)
);

create table incidents.notification (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    incident_id uuid not null,
    kind text not null,
    fact text not null,
    channel text not null,
    audience text not null,
    recipient text not null,
    language text not null,
    message_id text,
    in_reply_to text,
    details jsonb not null,
    subject text,
    body text,
    state text not null,
    attempts integer not null,
    last_error text,
    created_at timestamptz not null,
    next_attempt_at timestamptz,
    sent_at timestamptz,
    constraint pk_notification primary key (id),
    constraint uq_notification_tenant_id_fact_recipient unique (tenant_id, fact, recipient),
    constraint fk_notification_incident_id foreign key (incident_id) references incidents.incident (id),
    constraint ck_notification_state check (state in ('pending', 'sent', 'failed', 'not_configured', 'expired')),
    constraint ck_notification_audience check (audience in ('client', 'agency'))
);
create index ix_notification_incident_id on incidents.notification (incident_id);
create index ix_notification_next_attempt_at on incidents.notification (next_attempt_at)
    where next_attempt_at is not null;
"""

FACTS_STAY = """
create function incidents.facts_stay() returns trigger language plpgsql as $$
begin
    raise exception 'a row of %.% is a fact: it is added, never changed or deleted', tg_table_schema, tg_table_name;
end
$$
"""

OF_CLIENTS = (
    "contract_terms",
    "incident",
    "incident_stamp",
    "timeline_entry",
    "clock",
    "clock_event",
    "clock_due",
    "clock_notice",
    "notification",
)
OF_TENANTS = ("incident_number", "alert_addresses")
FACTS = ("contract_terms", "incident_stamp", "timeline_entry", "clock_event", "clock_notice")
WITH_AUDIENCE = ("timeline_entry", "notification")


def upgrade() -> None:
    create_event_tables(op, SCHEMA)
    op.execute(TABLES)
    op.execute(FACTS_STAY)
    for table in FACTS:
        op.execute(
            f"create trigger facts_stay before update or delete on {SCHEMA}.{table} "
            f"for each row execute function {SCHEMA}.facts_stay()"
        )
    for table in OF_CLIENTS:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    for table in OF_TENANTS:
        protect_rows(op, SCHEMA, table)
    for table in WITH_AUDIENCE:
        # Reading only: what a client's person reports makes rows for the agency, which he then does not see.
        op.execute(
            f"create policy audience_isolation on {SCHEMA}.{table} as restrictive for select "
            f"using (audience = 'client' or (select nullif(current_setting('{CLIENT_SETTING}', true), '')) is null)"
        )
    grant_application_role(op, SCHEMA)
