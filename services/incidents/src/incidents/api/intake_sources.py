"""Who may tell us things: sources, their addresses and secrets, what they sent, and mails that somebody must sort."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Response

from incidents.adapters import intake_store as store
from incidents.adapters.files import release
from incidents.adapters.intake_secrets import replace_secret
from incidents.adapters.intake_tables import (
    ExternalTicketRow,
    IntakeMailRow,
    IntakeReceiptRow,
    IntakeSourceRow,
)
from incidents.adapters.reception import read_body
from incidents.adapters.secret_box import SecretBox
from incidents.adapters.webhook_signatures import new_secret
from incidents.api.dependencies import Box, InPorts, Reader, Writer, agency_only
from incidents.api.intake_models import (
    Acceptance,
    CreatedIntakeSource,
    DryRun,
    DryRunAnswer,
    HeldMail,
    IntakeSourceChange,
    IntakeSourceView,
    Mailbox,
    MappingView,
    NewIntakeSource,
    ReadSignal,
    ReceiptView,
    RotatedAddress,
    RotatedCallbackSecret,
    RotatedIntakeSecret,
    check_mapping,
    columns,
)
from incidents.application import intake_items as items
from incidents.application.correspondence import Letter, comment_with, open_with
from incidents.application.intake_formats import Unreadable
from incidents.application.items import UnknownContractError, UnknownSiteError
from incidents.application.ports import Ports
from shared.etag import IfMatch, etag
from shared.ids import new_id
from shared.outbound_http import AddressGuard, AddressRefused
from shared.pagination import Page, PageParams, paginate
from shared.problems import (
    Conflict,
    FieldError,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    ValidationFailed,
    responses_for,
)
from shared.service import CurrentRuntime, Unit

router = APIRouter(prefix="/v1/intake-sources", tags=["intake"])
held_router = APIRouter(prefix="/v1/intake-held", tags=["intake"])

UNKNOWN = "There is no intake source with this id."
_HEADERS = {"issue_alert": "Sentry-Hook-Signature"}
_SIGNS = {"standard_webhooks", "hmac_sha256"}


@router.post("", status_code=201, summary="Add an intake source", responses=responses_for(NotFound))
async def create_intake_source(
    body: NewIntakeSource,
    ports: InPorts,
    unit: Unit,
    principal: Writer,
    box: Box,
    runtime: CurrentRuntime,
    response: Response,
) -> CreatedIntakeSource:
    """The answer shows the address and the secrets, this once; for that reason this route keeps no Idempotency-Key."""
    agency_only(principal)
    if body.callback_url is not None:
        _check_address(body.callback_url, runtime)
    contract = await ports.contracts.newest(body.contract_id)
    if contract is None:
        raise UnknownContractError
    environment = contract.environments.get(body.environment_id) if body.environment_id else None
    if body.environment_id is not None and environment is None:
        raise UnknownSiteError("environment_id")
    site_id = body.site_id or (environment.site_id if environment else None)
    if site_id is not None and site_id not in contract.sites:
        raise UnknownSiteError("site_id")
    token, secret, callback_secret = store.new_token(), None, None
    if body.signature in _SIGNS:
        secret = body.secret.get_secret_value() if body.secret is not None else new_secret()
    if body.kind == "external_tool":
        callback_secret = new_secret()
    row = IntakeSourceRow(
        id=new_id(),
        tenant_id=principal.tenant_id,
        client_id=contract.client_id,
        contract_id=body.contract_id,
        site_id=site_id,
        environment_id=body.environment_id,
        kind=body.kind,
        name=body.name,
        version=1,
        enabled=body.enabled,
        default_severity=body.default_severity.value,
        severities={word: severity.value for word, severity in body.severities.items()},
        mapping=_mapping(body.mapping),
        settle_seconds=body.settle_seconds,
        token_hash=store.token_hash(token),
        signature=body.signature,
        signature_header=body.signature_header or _HEADERS.get(body.kind, "X-Signature-256"),
        replay_window_seconds=body.replay_window_seconds,
        secret=box.seal(secret) if secret is not None else None,
        callback_url=body.callback_url,
        hands_over=body.hands_over and body.kind == "external_tool",
        internal_notes=body.internal_notes,
        callback_secret=box.seal(callback_secret) if callback_secret is not None else None,
        created_at=unit.now,
        updated_at=unit.now,
    )
    if body.mailbox is not None:
        _look_into(row, body.mailbox, box, unit)
    unit.session.add(row)
    await unit.session.flush()
    response.headers["Location"] = f"/v1/intake-sources/{row.id}"
    response.headers["ETag"] = etag(row.version)
    response.headers["Cache-Control"] = "no-store"
    shown = {"token": token, "path": f"/v1/intake/{token}", "secret": secret, "callback_secret": callback_secret}
    return CreatedIntakeSource.model_validate(columns(row) | shown)


@router.get("", summary="List intake sources")
async def list_intake_sources(unit: Unit, principal: Reader, params: PageParams) -> Page[IntakeSourceView]:
    """The sources of the agency, oldest first."""
    agency_only(principal)
    return await paginate(
        unit.session,
        store.sources(),
        columns=(IntakeSourceRow.created_at, IntakeSourceRow.id),
        params=params,
        to_item=IntakeSourceView.of,
    )


@router.get("/{source_id}", summary="Read an intake source")
async def get_intake_source(source_id: UUID, unit: Unit, principal: Reader, response: Response) -> IntakeSourceView:
    """One source, without its address and secrets."""
    agency_only(principal)
    row = await _found(unit, source_id)
    response.headers["ETag"] = etag(row.version)
    return IntakeSourceView.of(row)


@router.patch(
    "/{source_id}",
    summary="Change an intake source",
    responses=responses_for(NotFound, PreconditionFailed, PreconditionRequired),
)
async def update_intake_source(
    source_id: UUID,
    body: IntakeSourceChange,
    unit: Unit,
    principal: Writer,
    box: Box,
    runtime: CurrentRuntime,
    if_match: IfMatch,
    response: Response,
) -> IntakeSourceView:
    """A merge patch: what is left out stays."""
    agency_only(principal)
    row = await _found(unit, source_id, lock=True)
    if_match.require(row.version)
    given = body.model_fields_set
    if "mapping" in given:
        try:
            check_mapping(row.kind, body.mapping)
        except ValueError as error:
            raise _invalid(f"{error}", "#/mapping") from error
        row.mapping = _mapping(body.mapping)
    if "mailbox" in given:
        if row.kind != "mail":
            raise _invalid("Only a source of the kind mail has a mailbox.", "#/mailbox")
        _look_into(row, body.mailbox, box, unit)
    if "callback_url" in given:
        if row.kind != "external_tool":
            raise _invalid("Only a source of the kind external_tool has a callback_url.", "#/callback_url")
        _check_address(body.callback_url, runtime)
        row.callback_url = body.callback_url
    for name in given & {"hands_over", "internal_notes"}:
        if row.kind != "external_tool":
            raise _invalid(f"Only a source of the kind external_tool has {name}.", f"#/{name}")
        setattr(row, name, getattr(body, name))
    if "severities" in given:
        row.severities = {word: severity.value for word, severity in body.severities.items()}
    if "default_severity" in given:
        row.default_severity = body.default_severity.value
    for name in given & {"name", "enabled", "settle_seconds", "replay_window_seconds"}:
        setattr(row, name, getattr(body, name))
    if row.mailbox is not None:
        row.next_poll_at = unit.now if row.enabled else None
    await _touch(unit, row)
    response.headers["ETag"] = etag(row.version)
    return IntakeSourceView.of(row)


@router.delete(
    "/{source_id}",
    status_code=204,
    summary="Delete an intake source",
    responses=responses_for(NotFound, PreconditionFailed, PreconditionRequired),
)
async def delete_intake_source(source_id: UUID, unit: Unit, principal: Writer, if_match: IfMatch) -> None:
    """Removes it with its receipts and mappings; its items stay. To keep the receipts, switch it off instead."""
    agency_only(principal)
    row = await _found(unit, source_id, lock=True)
    if_match.require(row.version)
    await unit.session.delete(row)


@router.post("/{source_id}/rotate-address", summary="Give an intake source a new address", responses=responses_for())
async def rotate_intake_address(source_id: UUID, unit: Unit, principal: Writer, response: Response) -> RotatedAddress:
    """The address before it stops working at once."""
    agency_only(principal)
    row = await _found(unit, source_id, lock=True)
    token = store.new_token()
    row.token_hash = store.token_hash(token)
    await _touch(unit, row)
    response.headers["Cache-Control"] = "no-store"
    response.headers["ETag"] = etag(row.version)
    return RotatedAddress(token=token, path=f"/v1/intake/{token}")


@router.post(
    "/{source_id}/rotate-secret", summary="Give an intake source a new secret", responses=responses_for(Conflict)
)
async def rotate_intake_secret(
    source_id: UUID, unit: Unit, principal: Writer, box: Box, response: Response
) -> RotatedIntakeSecret:
    """For 24 hours deliveries may be signed with either, and with those before as long as was said of them.

    Where somebody else knows a secret, give the source a new address as well: the one before ends at once.
    """
    agency_only(principal)
    row = await _found(unit, source_id, lock=True)
    if row.signature not in _SIGNS:
        raise Conflict("Deliveries of this source are not signed: it has no secret to replace.")
    secret, until = replace_secret(row, box, unit.now)
    await _touch(unit, row)
    response.headers["Cache-Control"] = "no-store"
    response.headers["ETag"] = etag(row.version)
    return RotatedIntakeSecret(secret=secret, previous_secret_valid_until=until)


@router.post(
    "/{source_id}/rotate-callback-secret",
    summary="Sign what an external tool is told with a new secret",
    responses=responses_for(Conflict),
)
async def rotate_callback_secret(
    source_id: UUID, unit: Unit, principal: Writer, box: Box, response: Response
) -> RotatedCallbackSecret:
    """It counts at once. What the tool refuses until it has the new one is told again, for a day and a half."""
    agency_only(principal)
    row = await _found(unit, source_id, lock=True)
    if row.kind != "external_tool":
        raise Conflict("Nobody is told anything by this source: it has no secret of that kind.")
    secret = new_secret()
    row.callback_secret = box.seal(secret)
    await _touch(unit, row)
    response.headers["Cache-Control"] = "no-store"
    response.headers["ETag"] = etag(row.version)
    return RotatedCallbackSecret(callback_secret=secret)


@router.post("/{source_id}/dry-run", summary="Try a body without taking it in", responses=responses_for(Conflict))
async def try_intake_source(source_id: UUID, body: DryRun, unit: Unit, principal: Reader) -> DryRunAnswer:
    """What a delivery with this body would be read as. Nothing is opened, changed or kept."""
    agency_only(principal)
    row = await _found(unit, source_id)
    if row.kind == "mail":
        raise Conflict("A mail source maps nothing: send it a mail to see what happens.")
    try:
        read = read_body(row, body.body, {})
    except Unreadable as error:
        pointer = "#/body" + error.pointer.removeprefix("#").rstrip("/")
        raise ValidationFailed(str(error), errors=[FieldError(detail=str(error), pointer=pointer)]) from error
    source = store.source_of(row)
    signals = [
        ReadSignal.model_validate(
            {
                name: getattr(signal, name)
                for name in ("key", "state", "title", "description", "fired_at", "resolved_at")
            }
            | {"severity": source.severity(signal.severity)}
        )
        for signal in read.signals
    ]
    if read.update is not None:
        update = read.update
        told = {name: getattr(update, name) for name in ("state", "title", "description", "comment", "author")}
        told |= {"key": update.external_id, "automatic": update.automatic, "fired_at": update.at, "resolved_at": None}
        signals.append(ReadSignal.model_validate(told | {"severity": source.severity(update.severity)}))
    return DryRunAnswer(signals=signals)


@router.get("/{source_id}/receipts", summary="List what an intake source has sent")
async def list_intake_receipts(source_id: UUID, unit: Unit, principal: Reader, params: PageParams) -> Page[ReceiptView]:
    """Newest first: when, what came of it, and why it was refused."""
    agency_only(principal)
    await _found(unit, source_id)
    return await paginate(
        unit.session,
        store.receipts(source_id),
        columns=(IntakeReceiptRow.received_at, IntakeReceiptRow.id),
        params=params,
        to_item=ReceiptView.of_row,
        descending=True,
    )


@router.get("/{source_id}/mappings", summary="List which tickets are which items")
async def list_intake_mappings(source_id: UUID, unit: Unit, principal: Reader, params: PageParams) -> Page[MappingView]:
    """Of an external tool: its ids and ours. Other kinds have none."""
    agency_only(principal)
    await _found(unit, source_id)
    return await paginate(
        unit.session,
        store.tickets(source_id),
        columns=(ExternalTicketRow.external_id,),
        params=params,
        to_item=MappingView.of_row,
    )


@held_router.get("", summary="List held mails")
async def list_held_mails(unit: Unit, principal: Reader, params: PageParams) -> Page[HeldMail]:
    """Mails of senders whom the contract does not know, oldest first."""
    agency_only(principal)
    return await paginate(
        unit.session,
        store.held(),
        columns=(IntakeMailRow.received_at, IntakeMailRow.id),
        params=params,
        to_item=HeldMail.of_row,
    )


@held_router.post("/{held_id}/accept", summary="Accept a held mail", responses=responses_for(NotFound, Conflict))
async def accept_held_mail(held_id: UUID, body: Acceptance, ports: InPorts, unit: Unit, principal: Writer) -> HeldMail:
    """Opens an item reported by its sender when the mail came, or puts the mail on an item as a comment."""
    agency_only(principal)
    row = await _held(unit, held_id)
    source = await store.find_source(unit, row.source_id)
    assert source is not None  # a mail goes with its source
    files = await release(unit, row.id)
    letter = Letter(row.message_id, row.sender, row.sender_name, row.subject, row.body, (), "human", files)
    if body.incident_id is not None:
        await _item_under(ports, body.incident_id, row_contract=source.contract_id)
        await comment_with(ports, letter, body.incident_id, None, row.received_at)
        row.item_id = body.incident_id
    else:
        severity = body.severity.value if body.severity else source.default_severity
        row.item_id = await open_with(ports, store.source_of(source), letter, None, row.received_at, severity)
    return await _decide(unit, row, "item", principal.name)


@held_router.post("/{held_id}/discard", summary="Discard a held mail", responses=responses_for(NotFound, Conflict))
async def discard_held_mail(held_id: UUID, unit: Unit, principal: Writer) -> HeldMail:
    """It opens nothing, and its files are deleted; that it came stays in the receipts."""
    agency_only(principal)
    row = await _held(unit, held_id)
    await release(unit, row.id)
    return await _decide(unit, row, "discarded", principal.name)


async def _held(unit: Unit, held_id: UUID) -> IntakeMailRow:
    row = await unit.session.get(IntakeMailRow, held_id, with_for_update=True)
    if row is None:
        raise NotFound("There is no held mail with this id.")
    if row.state != "held":
        raise Conflict(f"Somebody has decided about this mail already: {row.state}.", state=row.state)
    return row


async def _decide(unit: Unit, row: IntakeMailRow, state: str, by: str) -> HeldMail:
    row.state, row.decided_at, row.decided_by = state, unit.now, by
    row.version += 1
    await unit.session.flush()
    return HeldMail.of_row(row)


async def _item_under(ports: Ports, item_id: UUID, *, row_contract: UUID) -> items.Item:
    item = await items.read_item(ports, item_id)
    if item is None or item.contract_id != row_contract:
        detail = "There is no incident with this id under this contract."
        raise NotFound(detail, errors=[FieldError(detail=detail, pointer="#/incident_id")])
    return item


async def _found(unit: Unit, source_id: UUID, *, lock: bool = False) -> IntakeSourceRow:
    row = await store.find_source(unit, source_id, lock=lock)
    if row is None:
        raise NotFound(UNKNOWN)
    return row


async def _touch(unit: Unit, row: IntakeSourceRow) -> None:
    row.version += 1
    row.updated_at = unit.now
    await unit.session.flush()


def _look_into(row: IntakeSourceRow, mailbox: Mailbox, box: SecretBox, unit: Unit) -> None:
    row.mailbox = mailbox.model_dump(exclude={"password"})
    row.mailbox_password = box.seal(mailbox.password.get_secret_value())
    row.next_poll_at = unit.now if row.enabled else None
    row.uid_validity = row.last_uid = row.poll_error = None


def _mapping(mapping: dict[str, Any]) -> dict[str, Any]:
    return {name: rule.model_dump() for name, rule in mapping.items()}


def _invalid(detail: str, pointer: str) -> ValidationFailed:
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer=pointer)])


def _check_address(url: str, runtime: CurrentRuntime) -> None:
    """Refuses at once what would be refused at every try: plain http, and addresses of private networks."""
    detail = None
    try:
        literal = str(ip_address(urlsplit(url).hostname or ""))
    except ValueError:
        literal = None
    if literal is not None:
        try:
            AddressGuard(runtime.settings.allowed_networks).check(literal)
        except AddressRefused as refused:
            detail = f"This address cannot be used: {refused}."
    if detail is None and url.startswith("http:") and not runtime.settings.allowed_networks:
        detail = "Use an https address: what is sent must not travel in the clear."
    if detail is not None:
        raise _invalid(detail, "#/callback_url")
