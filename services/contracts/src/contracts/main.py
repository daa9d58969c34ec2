"""The contracts service: what it is made of."""

from pathlib import Path

from fastapi import FastAPI

from contracts import worker
from contracts.adapters.key_chest import DatabaseKeys
from contracts.adapters.tables import SCHEMA, metadata
from contracts.api import (
    advice,
    assessments,
    catalogue,
    clients,
    configuration,
    contract_blocks,
    contract_documents,
    contract_life,
    contracts,
    controlled_documents,
    credits_calculator,
    delivery_proofs,
    hours,
    hours_calculator,
    identity,
    indexation_calculator,
    invoices,
    maintenance,
    messages,
    obligations,
    papers,
    parties,
    portal_access,
    sectors,
    settlements,
    sites,
    term_calculator,
    tokens,
)
from contracts.api.commands import bootstrap, reseal_secrets, signing_keys, tenant, tenants
from contracts.api.document_commands import apply, export, plan
from contracts.api.errors import ERRORS
from contracts.application.contract_document import SCHEMA_FILE, document_schema
from contracts.handlers import handlers
from contracts.published.v1 import registry
from contracts.settings import ContractsSettings
from shared.service import Service, create_app
from shared.settings import load_settings

SERVICE = Service(
    name=SCHEMA,
    title="Upheld contracts",
    description=(
        "What was promised to whom: tenants, users and keys, clients and sites, the plan catalogue, and contracts from"
        " the draft over two signatures to their end. It issues the tokens that all services accept."
    ),
    version="0.1.0",
    settings_class=ContractsSettings,
    routers=(
        tokens.router,
        identity.router,
        portal_access.router,
        clients.router,
        sites.router,
        maintenance.router,
        catalogue.router,
        contracts.router,
        credits_calculator.router,
        hours_calculator.router,
        term_calculator.router,
        indexation_calculator.router,
        *configuration.ROUTERS,
        *obligations.ROUTERS,
        advice.router,
        assessments.router,
        contract_blocks.router,
        *contract_life.ROUTERS,
        contract_documents.router,
        contract_documents.documents,
        contract_documents.schemas,
        delivery_proofs.router,
        controlled_documents.router,
        parties.router,
        *sectors.ROUTERS,
        *hours.ROUTERS,
        *settlements.ROUTERS,
        invoices.router,
        messages.router,
        papers.router,
    ),
    metadata=metadata,
    migrations=Path(__file__).parent / "migrations",
    registry=registry,
    errors=ERRORS,
    handlers=handlers,
    jobs=worker.jobs,
    commands={
        "bootstrap": bootstrap,
        "tenant": tenant,
        "tenants": tenants,
        "signing-keys": signing_keys,
        "reseal-secrets": reseal_secrets,
        "plan": plan,
        "apply": apply,
        "export": export,
    },
    tags=(
        {"name": "identity", "description": "Tokens, the agency, its people and its API keys."},
        {"name": "clients", "description": "The agency's customers and the people there."},
        {"name": "sites", "description": "Systems under contract, with their environments."},
        {"name": "maintenance", "description": "Windows of planned work, in local time."},
        {
            "name": "catalogue",
            "description": "Plans with versions and inheritance, promotions, sector presets, and calendars.",
        },
        {"name": "contracts", "description": "Contracts: drafted, proposed, signed, in force, ended."},
        {"name": "calculators", "description": "Pure rules without state: the functions that the service itself uses."},
        {
            "name": "configuration",
            "description": "What is in service where, since when, and what does not go together.",
        },
        {"name": "obligations", "description": "What both parties owe by when, and the register of what was not kept."},
        {
            "name": "settlements",
            "description": "What each period comes to: promised, measured, owed.",
        },
        {"name": "client registers", "description": "The client's lists of functions, anomalies and works."},
        {"name": "advice", "description": "What the client was told, and what he answered."},
        {"name": "before signing", "description": "Who is a fit, which level fits, and which phases come first."},
        {
            "name": "invoices",
            "description": "Invoices and credit notes of settlements, their files, and payments.",
        },
        {"name": "messages", "description": "Messages in the agency's own words, and who they come from."},
        {"name": "papers", "description": "Documents made of what is known: pages, PDF, text, CSV."},
        {"name": "hours", "description": "Hours of contracts: what each month comes to, annual reviews, growth."},
        {"name": "controlled documents", "description": "The library of clauses, and what the agency works by."},
    ),
    key_source=lambda runtime: DatabaseKeys(runtime.units),
    other_content_types={"/v1/oauth/token": frozenset({tokens.FORM})},
    raw_bodies=contract_documents.RAW_BODIES,
    further_schemas={SCHEMA_FILE: document_schema},
    # Who has access, what was signed, settled and invoiced, and whatever leaves as a file.
    recorded_readings=frozenset(
        {
            "list_users",
            "get_user",
            "list_api_keys",
            "get_api_key",
            "get_contract_document",
            "export_contract",
            "get_settlement_version",
            "download_invoices",
            "download_invoice_pdf",
            "download_invoice_cii",
            "download_invoice_ubl",
            "get_plain_terms",
            "get_support_model",
            "get_breach_notice",
            "export_register",
            "get_configuration_report",
            "get_settlement_statement",
            "get_price_sheet",
        }
    ),
    unrecorded_changes=frozenset(
        {
            "preview_price",
            "preview_leaving",
            "replay_contract",
            "plan_contract_document",
            "find_portal_people",
            "write_message",
            "tenants",
        }
    ),
)


def build_app(settings: ContractsSettings | None = None) -> FastAPI:
    """The API. Without settings, those of the environment. Raises InvalidSettings."""
    return create_app(SERVICE, settings or load_settings(ContractsSettings))
