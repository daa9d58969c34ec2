"""Every operation of the four services that changes something leaves a record, and so does reading what is watched."""

import importlib
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from shared.api_document import dependants
from shared.operations import CHANGING
from shared.service import Service, unit_of_work

SERVICES = ("contracts", "probes", "incidents", "reporting")

OWN_UNITS = {
    ("contracts", "create_token"): "says in its unit for whose key it works",
    ("incidents", "acknowledge_by_message_link"): "says in its unit whom the message reached",
    ("incidents", "hand_in"): "opens the unit of the tenant whose source it is",
    ("reporting", "ask_for_status_mails"): "opens the unit of the tenant whose page it is",
    ("reporting", "confirm_status_subscription"): "opens the unit of the tenant whose subscription it is",
    ("reporting", "end_status_subscription"): "opens the unit of the tenant whose subscription it is",
    ("contracts", "create_portal_token"): "says in its unit whom the portal speaks for",
    ("reporting", "sign_in_to_portal"): "says in its unit who signed in",
    ("reporting", "sign_out_of_portal"): "opens a unit of the person's tenant",
    ("reporting", "end_portal_session"): "opens a unit of the person's tenant",
    ("incidents", "act_on_many"): "opens a unit of the caller's tenant for each item",
    ("reporting", "verify_status_page_domain"): "opens a unit of the caller's tenant once name servers have answered",
    ("reporting", "try_identity_provider"): "opens a unit of the caller's tenant that ends before it asks",
}
"""What changes something in units of work of its own, and how these know whom to record."""

OWN_UNITS_OF_READINGS = {
    ("reporting", "get_shared_report"),
    ("reporting", "show_portal_edition"),
    ("reporting", "download_portal_edition"),
    ("reporting", "show_portal_review_edition"),
    ("reporting", "download_portal_review_edition"),
    ("reporting", "show_portal_document_edition"),
    ("reporting", "download_portal_document_edition"),
    ("reporting", "download_portal_evidence"),
    ("reporting", "download_portal_incident_evidence"),
    ("reporting", "download_portal_amounts_evidence"),
    ("reporting", "download_portal_hours_evidence"),
    ("reporting", "return_to_portal"),
}
"""What opens the unit of the tenant whose link it was, or of whoever is signed in to the portal, or says who it is."""

NO_CHANGE = {
    "probes": {"report_success", "report_failure", "report_start", "report_crashes"},
    "contracts": {
        "preview_price",
        "preview_leaving",
        "replay_contract",
        "plan_contract_document",
        "find_portal_people",
        "write_message",
    },
    "reporting": {
        "enter_status_page",
        "ask_for_portal_link",
        "open_portal_request",
        "reply_in_portal",
        "decide_in_portal",
        "approve_work_in_portal",
        "answer_in_portal",
    },
}
"""What only delivers results, for checks are not audited; what only computes, looks somebody up or lets a visitor in;
what is asked for before anybody is known; and forms of the portal, which the service records that does what they ask
for.
"""

NO_FILES = {
    "open_sent_report",
    "download_sent_report",
    "get_status_page",
    "get_status_page_json",
    "get_status_page_atom",
    "get_status_page_feed",
    "get_status_page_calendar",
    "get_status_page_badge",
    "get_status_page_picture",
    "get_status_page_component",
    "get_status_page_incident",
    "get_status_page_incidents",
    "open_status_subscription",
    "ask_to_end_status_subscription",
    "get_contract_sheet_page",
    "get_contract_document_schema",
    "open_acknowledgement_link",
    "download_audit_verifier",
    "stream_items",
    "get_shifts",
}
"""Pages for people, what is public, a calendar, and a stream of what lists show anyway: no exports."""


def service_of(name: str) -> Service:
    service: Service = importlib.import_module(f"{name}.main").SERVICE
    return service


def routes(service: Service) -> Iterator[APIRoute]:
    for context in iter_route_contexts(service.routes):
        route = context.route
        if isinstance(route, APIRoute):
            yield route


@pytest.mark.parametrize("name", SERVICES)
def test_every_operation_that_changes_something_has_a_unit_that_records_it(name: str) -> None:
    service = service_of(name)
    without = {
        route.name
        for route in routes(service)
        if (route.methods or set()) & CHANGING
        and "/calculators/" not in route.path
        and not route.path.endswith("-previews")
        and unit_of_work not in {each.call for each in dependants(route.dependant)}
    }
    assert without - service.unrecorded_changes == {operation for where, operation in OWN_UNITS if where == name}


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_left_out_but_results_and_sums(name: str) -> None:
    service = service_of(name)
    operations = {route.name for route in routes(service)}
    assert service.unrecorded_changes - set(service.commands) == NO_CHANGE.get(name, set())
    assert service.unrecorded_changes <= operations | set(service.commands)


@pytest.mark.parametrize("name", SERVICES)
def test_whatever_leaves_as_a_file_is_recorded(name: str) -> None:
    service = service_of(name)
    reading = {route.name: route for route in routes(service) if "GET" in (route.methods or set())}
    assert service.recorded_readings <= set(reading)
    for operation in service.recorded_readings - {each for where, each in OWN_UNITS_OF_READINGS if where == name}:
        assert unit_of_work in {each.call for each in dependants(reading[operation].dependant)}, operation
    files = {
        operation
        for operation, route in reading.items()
        if any(media_type != "application/json" for media_type in (route.responses.get(200) or {}).get("content", {}))
    }
    assert files - service.recorded_readings - NO_FILES == set()


def test_reading_who_was_in_a_client_s_system_is_recorded() -> None:
    assert {"list_access_sessions", "get_access_session"} <= service_of("incidents").recorded_readings
