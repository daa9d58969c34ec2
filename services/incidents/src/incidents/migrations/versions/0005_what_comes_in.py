"""What comes in from other systems and people: sources, receipts, matters, mails, calls, tickets elsewhere."""

from alembic import op

from shared.database import protect_rows
from shared.migrations import grant_application_role

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SCHEMA = "incidents"

TABLES = """
create table incidents.intake_source (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    contract_id uuid not null,
    site_id uuid,
    environment_id uuid,
    kind text not null,
    name text not null,
    version bigint not null,
    enabled boolean not null,
    default_severity text not null,
    severities jsonb not null,
    mapping jsonb not null,
    settle_seconds integer not null,
    token_hash bytea not null,
    signature text not null,
    signature_header text not null,
    replay_window_seconds integer not null,
    secret bytea,
    previous_secret bytea,
    previous_secret_until timestamptz,
    mailbox jsonb,
    mailbox_password bytea,
    next_poll_at timestamptz,
    polled_at timestamptz,
    poll_error text,
    uid_validity bigint,
    last_uid bigint,
    callback_url text,
    callback_secret bytea,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    last_received_at timestamptz,
    constraint pk_intake_source primary key (id),
    constraint uq_intake_source_token_hash unique (token_hash),
    constraint ck_intake_source_kind
        check (kind in ('alertmanager', 'issue_alert', 'generic', 'mail', 'external_tool'))
);
create index ix_intake_source_tenant_id on incidents.intake_source (tenant_id, created_at, id);
create index ix_intake_source_next_poll_at on incidents.intake_source (next_poll_at) where next_poll_at is not null;

create table incidents.intake_receipt (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    source_id uuid not null,
    received_at timestamptz not null,
    delivery text,
    outcome text not null,
    status integer not null,
    error text,
    media_type text not null,
    size integer not null,
    excerpt text not null,
    results jsonb not null,
    answer jsonb,
    constraint pk_intake_receipt primary key (id),
    constraint fk_intake_receipt_source_id foreign key (source_id) references incidents.intake_source (id)
        on delete cascade,
    constraint ck_intake_receipt_outcome
        check (outcome in ('accepted', 'unchanged', 'held', 'automatic', 'refused'))
);
create index ix_intake_receipt_source_id on incidents.intake_receipt (source_id, received_at, id);
create unique index uq_intake_receipt_delivery on incidents.intake_receipt (source_id, delivery)
    where delivery is not null;

create table incidents.intake_point (
    source_id uuid not null,
    key text not null,
    at timestamptz not null,
    kind text not null,
    tenant_id uuid not null,
    client_id uuid not null,
    constraint pk_intake_point primary key (source_id, key, at, kind),
    constraint fk_intake_point_source_id foreign key (source_id) references incidents.intake_source (id)
        on delete cascade
);

create table incidents.intake_link (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    source_id uuid not null,
    key text not null,
    begins_at timestamptz not null,
    item_id uuid not null,
    told integer not null,
    constraint pk_intake_link primary key (id),
    constraint fk_intake_link_source_id foreign key (source_id) references incidents.intake_source (id)
        on delete cascade,
    constraint fk_intake_link_item_id foreign key (item_id) references incidents.work_item (id)
);
create index ix_intake_link_source_id on incidents.intake_link (source_id, key, begins_at);

create table incidents.intake_mail (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    source_id uuid not null,
    message_id text not null,
    state text not null,
    item_id uuid,
    received_at timestamptz not null,
    sender text not null,
    sender_name text not null,
    subject text not null,
    body text not null,
    attachments jsonb not null,
    reason text,
    decided_at timestamptz,
    decided_by text,
    version bigint not null,
    constraint pk_intake_mail primary key (id),
    constraint uq_intake_mail_source_id_message_id unique (source_id, message_id),
    constraint fk_intake_mail_source_id foreign key (source_id) references incidents.intake_source (id)
        on delete cascade,
    constraint fk_intake_mail_item_id foreign key (item_id) references incidents.work_item (id),
    constraint ck_intake_mail_state check (state in ('item', 'held', 'discarded', 'automatic'))
);
create index ix_intake_mail_message_id on incidents.intake_mail (tenant_id, message_id);
create index ix_intake_mail_held on incidents.intake_mail (tenant_id, received_at, id) where state = 'held';

create table incidents.call (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    contract_id uuid not null,
    item_id uuid,
    opened_item boolean not null,
    caller text not null,
    number text,
    called_at timestamptz not null,
    taken_by text not null,
    notes text not null,
    calendar text,
    within_hours boolean,
    recorded_at timestamptz not null,
    recorded_by text not null,
    constraint pk_call primary key (id),
    constraint fk_call_item_id foreign key (item_id) references incidents.work_item (id)
);
create index ix_call_tenant_id on incidents.call (tenant_id, called_at, id);
create index ix_call_contract_id on incidents.call (contract_id, called_at, id);

create table incidents.external_ticket (
    source_id uuid not null,
    external_id text not null,
    tenant_id uuid not null,
    client_id uuid not null,
    item_id uuid not null,
    told_version bigint not null,
    comments jsonb not null,
    mapped_at timestamptz not null,
    constraint pk_external_ticket primary key (source_id, external_id),
    constraint uq_external_ticket_source_id_item_id unique (source_id, item_id),
    constraint fk_external_ticket_source_id foreign key (source_id) references incidents.intake_source (id)
        on delete cascade,
    constraint fk_external_ticket_item_id foreign key (item_id) references incidents.work_item (id)
);

create table incidents.external_delivery (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    source_id uuid not null,
    item_id uuid not null,
    item_version bigint not null,
    payload bytea not null,
    state text not null,
    attempts integer not null,
    due_at timestamptz,
    last_status integer,
    last_error text,
    created_at timestamptz not null,
    finished_at timestamptz,
    constraint pk_external_delivery primary key (id),
    constraint uq_external_delivery_source_id_item_id_item_version unique (source_id, item_id, item_version),
    constraint fk_external_delivery_source_id foreign key (source_id) references incidents.intake_source (id)
        on delete cascade,
    constraint fk_external_delivery_item_id foreign key (item_id) references incidents.work_item (id),
    constraint ck_external_delivery_state check (state in ('pending', 'delivered', 'failed'))
);
create index ix_external_delivery_due_at on incidents.external_delivery (due_at, id) where due_at is not null;
create index ix_external_delivery_source_id on incidents.external_delivery (source_id, created_at, id);
"""

OF_CLIENTS = (
    "intake_source",
    "intake_receipt",
    "intake_point",
    "intake_link",
    "intake_mail",
    "call",
    "external_ticket",
    "external_delivery",
)


def upgrade() -> None:
    op.execute(TABLES)
    for table in OF_CLIENTS:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    grant_application_role(op, SCHEMA)
