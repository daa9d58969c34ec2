"""Channels besides mail, the log of every try to deliver, messages that leave together, links that acknowledge."""

from alembic import op

from shared.database import protect_rows
from shared.migrations import grant_application_role

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SCHEMA = "incidents"

TABLES = """
create table incidents.notification_channel (
    id uuid not null,
    tenant_id uuid not null,
    person_id uuid,
    contract_id uuid,
    name text not null,
    scheme text not null,
    shown text not null,
    address bytea not null,
    language text not null,
    kinds text[] not null,
    enabled boolean not null,
    version bigint not null,
    created_at timestamptz not null,
    removed_at timestamptz,
    constraint pk_notification_channel primary key (id),
    constraint fk_notification_channel_person_id foreign key (person_id) references incidents.person (id),
    constraint ck_notification_channel_owner check ((person_id is null) <> (contract_id is null))
);
create index ix_notification_channel_tenant_id_id on incidents.notification_channel (tenant_id, id);
create index ix_notification_channel_person_id on incidents.notification_channel (person_id) where removed_at is null;

-- All nullable: the version before this one writes rows without them.
alter table incidents.notification
    add column address text,
    add column planned_at timestamptz,
    add column held_until timestamptz,
    add column bundle_id uuid,
    add column person_id uuid,
    add column link_expires_at timestamptz,
    add column link_used_at timestamptz,
    add constraint ck_notification_channel check (channel in ('mail', 'apprise'));
-- What was tried once has its text, and is sent again as it was.
update incidents.notification set planned_at = created_at where attempts > 0;
create index ix_notification_tenant_id_recipient_created_at
    on incidents.notification (tenant_id, recipient, created_at);
create index ix_notification_tenant_id_recipient_planned_at
    on incidents.notification (tenant_id, recipient, planned_at);
create index ix_notification_bundle_id on incidents.notification (bundle_id) where bundle_id is not null;

create table incidents.notification_try (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid,
    item_id uuid,
    contract_id uuid not null,
    notification_id uuid,
    bundle_id uuid,
    channel_id uuid,
    channel text not null,
    address text not null,
    kind text not null,
    number integer not null,
    at timestamptz not null,
    result text not null,
    error text,
    next_try_at timestamptz,
    constraint pk_notification_try primary key (id),
    constraint fk_notification_try_channel_id foreign key (channel_id) references incidents.notification_channel (id),
    constraint ck_notification_try_result check (result in ('sent', 'delayed', 'refused', 'gave_up')),
    constraint ck_notification_try_next_of_delayed check ((result = 'delayed') = (next_try_at is not null))
);
create index ix_notification_try_tenant_id_at_id on incidents.notification_try (tenant_id, at, id);
create index ix_notification_try_item_id_at_id on incidents.notification_try (item_id, at, id);
create index ix_notification_try_channel_id_at_id on incidents.notification_try (channel_id, at, id);
create trigger facts_stay before update or delete on incidents.notification_try
    for each row execute function incidents.facts_stay();
"""


def upgrade() -> None:
    op.execute(TABLES)
    protect_rows(op, SCHEMA, "notification_channel")
    protect_rows(op, SCHEMA, "notification_try", client_column="client_id")
    grant_application_role(op, SCHEMA)
