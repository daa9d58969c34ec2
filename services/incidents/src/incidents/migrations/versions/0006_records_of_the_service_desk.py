"""Records of the service desk: one table a kind, and the history of all of them, to which is only ever added."""

from alembic import op

from shared.database import CLIENT_SETTING, protect_rows
from shared.migrations import grant_application_role

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = "incidents"

COMMON = """
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    contract_id uuid not null,
    site_id uuid,
    item_id uuid,
    audience text not null,
    version bigint not null,
    recorded_at timestamptz not null,
    recorded_by_kind text not null,
    recorded_by_id text not null,
    recorded_by_name text not null,
    changed_at timestamptz not null
"""

RECORDS = {
    "action": """
        link text not null,
        what text not null,
        owner_id uuid,
        owner_name text,
        due_at timestamptz,
        done_at timestamptz,
        outcome text,
        constraint ck_action_link check (link in ('service', 'research', 'industrialisation'))
    """,
    "residual_risk": """
        description text not null,
        owner_id uuid,
        owner_name text,
        treatment text,
        decided_by text,
        decided_on date,
        reason text,
        constraint ck_residual_risk_treatment check (treatment in ('accept', 'mitigate', 'transfer')),
        constraint ck_residual_risk_treatment_is_decided check (
            treatment is null or (decided_by is not null and decided_on is not null and reason is not null)
        )
    """,
    "decision": """
        what text not null,
        why text not null,
        decided_by text not null,
        decided_on date not null,
        supersedes_id uuid,
        constraint uq_decision_supersedes_id unique (supersedes_id),
        constraint fk_decision_supersedes_id foreign key (supersedes_id) references incidents.decision (id)
    """,
    "deployment": """
        kind text not null,
        configuration_item text not null,
        previous_version text,
        released_version text not null,
        approved_by text,
        approved_at timestamptz,
        window_from timestamptz,
        window_to timestamptz,
        deployed_at timestamptz,
        result text not null,
        rollback_plan text,
        rolled_back_at timestamptz,
        rollback_reason text,
        store text,
        submitted_at timestamptz,
        reviewed_at timestamptz,
        verdict text,
        proof text,
        constraint ck_deployment_kind check (kind in ('deployment', 'store_submission')),
        constraint ck_deployment_result check (result in ('planned', 'succeeded', 'failed', 'rolled_back'))
    """,
    "delivery_record": """
        what text not null,
        delivered_to text not null,
        delivered_version text not null,
        delivered_at timestamptz not null,
        means text not null,
        reference text,
        supersedes_id uuid,
        constraint uq_delivery_record_supersedes_id unique (supersedes_id),
        constraint fk_delivery_record_supersedes_id foreign key (supersedes_id)
            references incidents.delivery_record (id)
    """,
    "access_grant": """
        system text not null,
        scope text not null,
        granted_to text not null,
        reason text not null,
        valid_from timestamptz not null,
        valid_until timestamptz not null,
        revoked_at timestamptz,
        revoked_reason text,
        constraint ck_access_grant_ends_after_it_begins check (valid_until > valid_from)
    """,
    "access_request": """
        what text not null,
        asked_of text not null,
        reason text not null,
        requested_at timestamptz not null,
        answered_at timestamptz,
        outcome text,
        answer text,
        constraint ck_access_request_outcome check (outcome in ('given', 'refused', 'withdrawn')),
        constraint ck_access_request_answered check ((outcome is null) = (answered_at is null))
    """,
    "access_session": """
        grant_id uuid not null,
        who text not null,
        system text not null,
        how text not null,
        why text not null,
        started_at timestamptz not null,
        ended_at timestamptz,
        done text,
        constraint fk_access_session_grant_id foreign key (grant_id) references incidents.access_grant (id),
        constraint ck_access_session_of_an_item check (item_id is not null)
    """,
    "anomaly": """
        configuration_item text,
        title text not null,
        symptoms text not null,
        workaround text,
        state text not null,
        fixing_item_ids jsonb not null,
        confirmed_at timestamptz not null,
        constraint ck_anomaly_state check (state in ('open', 'being_fixed', 'fixed', 'accepted'))
    """,
    "intervention": """
        configuration_item text,
        mode text not null,
        what text not null,
        result text,
        performed_by text not null,
        began_at timestamptz not null,
        ended_at timestamptz not null,
        travel_minutes integer not null,
        constraint ck_intervention_mode check (mode in ('remote', 'on_site')),
        constraint ck_intervention_remote_work_needs_no_travel check (mode = 'on_site' or travel_minutes = 0)
    """,
    "knowledge_entry": """
        title text not null,
        symptom text not null,
        cause text not null,
        resolution text not null,
        tags jsonb not null,
        language text not null,
        review_on date not null,
        search tsvector generated always as (
            to_tsvector(
                case language when 'fr' then 'french'::regconfig else 'english'::regconfig end,
                title || ' ' || symptom || ' ' || cause || ' ' || resolution
            )
        ) stored,
        constraint ck_knowledge_entry_language check (language in ('en', 'fr'))
    """,
    "feedback": """
        said text not null,
        given_by text not null,
        channel text not null,
        given_at timestamptz not null,
        constraint ck_feedback_channel check (
            channel in ('portal', 'mail', 'phone', 'meeting', 'field', 'survey', 'store_review')
        )
    """,
    "assistance": """
        topic text not null,
        asked_by text not null,
        knowledge_level text not null,
        helped_at timestamptz not null,
        note text,
        constraint ck_assistance_knowledge_level check (knowledge_level in ('low', 'medium', 'high'))
    """,
    "evidence": """
        kind text not null,
        note text not null,
        reference text,
        constraint ck_evidence_kind check (kind in ('configuration', 'traces', 'logs', 'tests'))
    """,
    "post_mortem": """
        summary text not null,
        course text not null,
        causes text not null,
        went_well text not null,
        went_badly text not null,
        completed_at timestamptz,
        constraint uq_post_mortem_item_id unique (item_id)
    """,
    "time_entry": """
        line text not null,
        work_class text not null,
        person_id uuid,
        person_name text not null,
        worked_on date not null,
        real_minutes integer not null,
        multipliers jsonb not null,
        covered boolean not null,
        mode text not null,
        note text,
        unit_minutes integer not null,
        accounted_per text not null,
        reverses_id uuid,
        corrects_id uuid,
        constraint uq_time_entry_reverses_id unique (reverses_id),
        constraint fk_time_entry_reverses_id foreign key (reverses_id) references incidents.time_entry (id),
        constraint fk_time_entry_corrects_id foreign key (corrects_id) references incidents.time_entry (id),
        constraint ck_time_entry_work_class check (
            work_class in ('corrective', 'preventive', 'evolutionary', 'assistance')
        ),
        constraint ck_time_entry_mode check (mode in ('remote', 'on_site')),
        constraint ck_time_entry_only_a_reversal_is_negative check ((real_minutes < 0) <= (reverses_id is not null)),
        constraint ck_time_entry_accounted_per check (accounted_per in ('entry', 'ticket_day'))
    """,
}

HISTORY = """
create table incidents.record_version (
    record_id uuid not null,
    version bigint not null,
    tenant_id uuid not null,
    client_id uuid not null,
    kind text not null,
    at timestamptz not null,
    actor_kind text not null,
    actor_id text not null,
    actor_name text not null,
    state jsonb not null,
    constraint pk_record_version primary key (record_id, version)
);
"""

OWN_INDEXES = """
create index ix_access_session_grant_id on incidents.access_session (grant_id);
create index ix_knowledge_entry_search on incidents.knowledge_entry using gin (search);
create index ix_time_entry_contract_id_worked_on on incidents.time_entry (contract_id, worked_on);
create index ix_intervention_contract_id_began_at on incidents.intervention (contract_id, began_at);
"""

FACTS = ("record_version", "decision", "delivery_record", "evidence", "assistance", "time_entry")

FOR_CLIENTS = f"(select nullif(current_setting('{CLIENT_SETTING}', true), '')) is null"


def upgrade() -> None:
    for table, columns in RECORDS.items():
        op.execute(
            f"create table {SCHEMA}.{table} ({COMMON}, {columns.strip()}, "
            f"constraint pk_{table} primary key (id), "
            f"constraint fk_{table}_item_id foreign key (item_id) references {SCHEMA}.work_item (id), "
            f"constraint ck_{table}_audience check (audience in ('client', 'agency')))"
        )
        op.execute(f"create index ix_{table}_tenant_id_recorded_at_id on {SCHEMA}.{table} (tenant_id, recorded_at, id)")
        op.execute(f"create index ix_{table}_item_id on {SCHEMA}.{table} (item_id)")
        op.execute(f"create index ix_{table}_contract_id on {SCHEMA}.{table} (contract_id)")
        protect_rows(op, SCHEMA, table, client_column="client_id")
        # Reading only: what a client's person writes may concern the agency alone.
        op.execute(
            f"create policy audience_isolation on {SCHEMA}.{table} as restrictive for select "
            f"using (audience = 'client' or {FOR_CLIENTS})"
        )
    op.execute(HISTORY)
    protect_rows(op, SCHEMA, "record_version", client_column="client_id")
    # A record may be shown to the client today; how it came to be what it is stays with the agency.
    op.execute(
        f"create policy audience_isolation on {SCHEMA}.record_version as restrictive for select using ({FOR_CLIENTS})"
    )
    op.execute(OWN_INDEXES)
    for table in FACTS:
        op.execute(
            f"create trigger facts_stay before update or delete on {SCHEMA}.{table} "
            f"for each row execute function {SCHEMA}.facts_stay()"
        )
    grant_application_role(op, SCHEMA)
