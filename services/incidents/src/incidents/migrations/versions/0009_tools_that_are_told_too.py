"""Items opened here are handed to external tools, with what is said about them; receipts are found by their age; the
outages of a monitor that goes up and down belong to one incident.
"""

from alembic import op

from shared.database import protect_rows
from shared.migrations import grant_application_role

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SCHEMA = "incidents"

TABLES = """
-- Both off for sources that are there: a tool that expects no new tickets of ours is sent none.
alter table incidents.intake_source
    add column hands_over boolean not null default false,
    add column internal_notes boolean not null default false;

-- The item is known before its ticket is: the id comes with the tool's answer, or by its callback.
alter table incidents.external_ticket
    drop constraint pk_external_ticket,
    drop constraint uq_external_ticket_source_id_item_id,
    alter column external_id drop not null,
    add constraint pk_external_ticket primary key (source_id, item_id),
    add constraint uq_external_ticket_source_id_external_id unique (source_id, external_id);
create index ix_external_ticket_item_id on incidents.external_ticket (item_id);

-- One delivery per version of an item, and one per thing that was said about it (entry_id).
alter table incidents.external_delivery
    drop constraint uq_external_delivery_source_id_item_id_item_version,
    add column kind text not null default 'changed',
    add column entry_id uuid,
    add constraint ck_external_delivery_kind check (kind in ('opened', 'changed', 'commented')),
    add constraint ck_external_delivery_entry check ((kind = 'commented') = (entry_id is not null));
create unique index uq_external_delivery_version on incidents.external_delivery (source_id, item_id, item_version)
    where entry_id is null;
create unique index uq_external_delivery_entry on incidents.external_delivery (source_id, entry_id)
    where entry_id is not null;

create table incidents.joined_outage (
    outage_id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    item_id uuid not null,
    joined_at timestamptz not null,
    constraint pk_joined_outage primary key (outage_id),
    constraint fk_joined_outage_item_id foreign key (item_id) references incidents.work_item (id)
);

create index ix_intake_receipt_received_at on incidents.intake_receipt (received_at);
"""


def upgrade() -> None:
    op.execute(TABLES)
    protect_rows(op, SCHEMA, "joined_outage", client_column="client_id")
    grant_application_role(op, SCHEMA)
