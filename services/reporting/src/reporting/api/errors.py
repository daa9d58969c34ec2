"""From errors of the application to problem documents."""

from reporting.application.audit import LogIsBroken, NothingRecorded
from reporting.application.editions import UnknownEdition
from reporting.application.evidence import (
    EntriesNotTold,
    EvidenceIsIncomplete,
    FactsNotTold,
    NothingClosed,
    NothingMeasured,
    SettledOtherwise,
    TooMuchEvidence,
    UnknownEnvironment,
    UnknownIncident,
)
from reporting.application.outage_decisions import UnknownOutage
from reporting.application.page_settings import (
    DomainIsNotProven,
    NoDomain,
    PasswordIsMissing,
    UnknownSite,
    UnknownStatusPage,
)
from reporting.application.page_updates import (
    MOST_INCIDENTS,
    MOST_UPDATES,
    AlreadyOnThePage,
    IsMeasured,
    IsWithdrawn,
    NoSuchIncident,
    NotOnThePage,
    NotOverYet,
    ShownAsOutage,
    TooManyPageIncidents,
    TooManyPageUpdates,
    UnknownComponent,
    UnknownPageIncident,
    UnknownPageUpdate,
)
from reporting.application.reporting import InTheFuture, NotInTheContract, UnknownContract
from reporting.application.single_sign_on import ProviderIsMissing, ProviderIsUsed, TooManyProviders
from reporting.application.webhooks import (
    DeliveryIsUnderWay,
    NoSuchRange,
    ReplayIsRunning,
    TooManyKeys,
    TooManyWebhooks,
    WebhookIsDisabled,
)
from reporting.domain.reclassification import (
    ApprovedByItsProposer,
    DecidedByAProgram,
    DecidesNoFigure,
    NotInThisStatus,
    OutageNotOver,
    OutsideTheOutage,
    ProposedByAProgram,
    ProposedUnderAnotherIssuer,
)
from shared.problems import Conflict, ErrorMapping, FieldError, NotFound, Problem, ValidationFailed
from shared.values import instant_text


def _unknown_contract(_error: UnknownContract) -> Problem:
    return NotFound(
        "There is no contract with this id that was ever active. A contract can be reported on from its activation on."
    )


def _unknown_edition(_error: UnknownEdition) -> Problem:
    return NotFound(
        "There is no such edition of this report. The first one is issued on day 1 of the month after, in the client's "
        "zone; `GET /v1/contracts/{contract_id}/reports/{month}/editions` lists those there are."
    )


def _not_in_the_contract(error: NotInTheContract) -> Problem:
    if error.began_at is None:
        return NotFound("The contract promised nothing in this period: it was never active.")
    return NotFound(
        "The contract promised nothing in this period: it was not active then. "
        f"It began on {instant_text(error.began_at)}."
    )


def _nothing_measured(_error: NothingMeasured) -> Problem:
    return NotFound("Nothing was promised or watched in this month, so there is no figure. Ask for another month.")


def _unknown_environment(_error: UnknownEnvironment) -> Problem:
    return NotFound("The month has no figure of this environment. The month's report lists those that it has.")


def _unknown_incident(_error: UnknownIncident) -> Problem:
    return NotFound("This contract has no incident, request or change with this id that has such a clock.")


def _nothing_closed(_error: NothingClosed) -> Problem:
    return NotFound(
        "Nothing was closed of this month, so there is no figure that stays. Its settlement and its hours are closed "
        "once it is over: review the settlement and close it."
    )


def _entries_not_told(_error: EntriesNotTold) -> Problem:
    return Conflict(
        "These hours were closed without telling their entries: by an earlier release, or because there are more than "
        "2,000. The entries themselves are at `GET /v1/contracts/{contract_id}/hours/entries`."
    )


def _facts_not_told(_error: FactsNotTold) -> Problem:
    return Conflict(
        "What happened to these clocks was told by an earlier release, without their pauses. It will be told again "
        "within minutes of the upgrade: ask again then. Should it stay so, see whether the worker of incidents runs."
    )


def _evidence_is_incomplete(error: EvidenceIsIncomplete) -> Problem:
    return Conflict(
        f"What has arrived does not give what was said. {error} Ask again in a minute; should it stay so, look for "
        "dead letters: `python -m reporting dead-letters`."
    )


def _settled_otherwise(error: SettledOtherwise) -> Problem:
    return Conflict(
        f"This settlement was closed otherwise than what had been told of it gives. {error} A closed settlement stays "
        "as it is: correct it with `POST /v1/settlements/{settlement_id}/correct`, review and close the correction, "
        "which is computed from everything that is known then. Should it be the same, contracts did not take "
        "something in: look for dead letters with `python -m contracts dead-letters`."
    )


def _too_much_evidence(_error: TooMuchEvidence) -> Problem:
    return Conflict("The evidence is larger than 64 MiB. Ask for one environment, or one clock, at a time.")


def in_the_future(error: InTheFuture, *, in_body: bool = False) -> Problem:
    """`in_body`: the request names the instant in its body, not in its address."""
    detail = f"`{error.parameter}` lies in the future; figures exist up to now."
    place = {"pointer": f"#/{error.parameter}"} if in_body else {"parameter": error.parameter}
    return ValidationFailed(detail, errors=[FieldError(detail=detail, **place)])


def _webhook_is_disabled(_error: WebhookIsDisabled) -> Problem:
    return Conflict("The webhook is disabled. Enable it first: PATCH it with `enabled: true`.")


def _delivery_is_under_way(_error: DeliveryIsUnderWay) -> Problem:
    return Conflict("This delivery is still being tried; its next attempt is in `due_at`. There is nothing to retry.")


def _too_many_webhooks(error: TooManyWebhooks) -> Problem:
    return Conflict(f"An agency has at most {error} webhooks. Delete one, or let one receiver take more events.")


def _too_many_keys(error: TooManyKeys) -> Problem:
    until = error.until.isoformat().replace("+00:00", "Z")
    return Conflict(
        f"Keys from {error.most} rotations before still sign for this webhook, the first of them until {until}. Wait "
        "until then; or rotate with `overlap_hours=0`, and none but the new ones signs from then on."
    )


def _replay_is_running(_error: ReplayIsRunning) -> Problem:
    return Conflict("A replay of this webhook is running. Wait for its end, or disable the webhook to stop it.")


def _no_such_range(error: NoSuchRange) -> Problem:
    words = {
        "begins_in_the_future": ("since", "`since` lies in the future; what happens then is delivered anyway."),
        "ends_in_the_future": ("until", "`until` lies in the future; leave it out to mean now."),
        "ends_before_it_begins": ("until", "`until` is not after `since`; give an instant after it."),
    }
    field, detail = words[error.fault]
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer=f"#/{field}")])


def _nothing_recorded(_error: NothingRecorded) -> Problem:
    return Conflict("Nothing is recorded yet: there is no entry to sign. Try again once something has happened.")


def _log_is_broken(error: LogIsBroken) -> Problem:
    return Conflict(
        f"The audit log is not what was signed: {error}. Nothing more is signed until somebody has looked; "
        "`python -m reporting verify-audit` says more."
    )


def _unknown_status_page(_error: UnknownStatusPage) -> Problem:
    return NotFound(
        "No contract of yours that was ever active shows a page at this address. /v1/status-pages lists them."
    )


def _not_on_the_page(_error: NotOnThePage) -> Problem:
    return NotFound(
        "The page shows no incident with this id. `open_incidents` and `recent_incidents` of its JSON list those it "
        "shows: what goes on, and what was over within 14 days."
    )


def _unknown_page_update(_error: UnknownPageUpdate) -> Problem:
    return NotFound("Nothing with this id was published about this incident. The list of its updates names them.")


def _unknown_page_incident(_error: UnknownPageIncident) -> Problem:
    return NotFound(
        "Nobody put an incident with this id on the page. The list of the page's incidents names those that were; "
        "outages are in its JSON."
    )


def _no_such_incident(_error: NoSuchIncident) -> Problem:
    detail = (
        "The client of this page has no incident with this id, as far as was heard. Take `incident_id` from one of his "
        "incidents; one that was opened just now is heard of in some seconds."
    )
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/incident_id")])


def _unknown_component(error: UnknownComponent) -> Problem:
    detail = "The page shows no component with this id. `components` of its JSON lists those that it shows."
    pointer = f"#/components/{error.position}/component_id"
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer=pointer)])


def _is_measured(_error: IsMeasured) -> Problem:
    detail = "What an outage does to its component is measured. Leave `components` out."
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/components")])


def _shown_as_outage(_error: ShownAsOutage) -> Problem:
    return Conflict(
        "The incident is that of an outage, which the page shows by itself. Publish an update of the outage: it is "
        "there under its `outage_id`."
    )


def _already_on_the_page(error: AlreadyOnThePage) -> Problem:
    return Conflict(
        f"The incident is on the page already, as {error.page_incident_id}. Publish an update of that, or withdraw it "
        "first."
    )


def _too_many_page_incidents(_error: TooManyPageIncidents) -> Problem:
    return Conflict(
        f"A page shows at most {MOST_INCIDENTS} incidents that people put there. Call those `resolved` that are over: "
        "they leave the page after 14 days; or withdraw what should not be there."
    )


def _not_over_yet(_error: NotOverYet) -> Problem:
    return Conflict(
        "The outage still goes on: nobody saw it end, and the page shows it. Publish `monitoring` or leave `status` "
        "out; call it `resolved` once the component answers again."
    )


def _too_many_page_updates(_error: TooManyPageUpdates) -> Problem:
    return Conflict(f"An incident has at most {MOST_UPDATES} updates on a page, withdrawn ones among them.")


def _is_withdrawn(_error: IsWithdrawn) -> Problem:
    return Conflict("It is withdrawn already. To say it again, publish it anew.")


def _domain_is_not_proven(error: DomainIsNotProven) -> Problem:
    seen = f"it says {', '.join(error.seen)}" if error.seen else "there is none"
    seen = f"the name servers could not be asked ({error.error})" if error.error else seen
    return Conflict(
        f"The TXT record {error.record} must say {error.expected}; {seen}. Make it, wait until it is known everywhere "
        "(up to some hours), and verify again."
    )


def _no_domain(_error: NoDomain) -> Problem:
    return Conflict("The page has no domain to verify. Name one first: PUT it.")


def _password_is_missing(_error: PasswordIsMissing) -> Problem:
    detail = "A page for those who know a password needs one: send `password` too."
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/password")])


def _unknown_site(error: UnknownSite) -> Problem:
    detail = "No contract of this page covers this site. The contracts that name the page's address list their sites."
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer=f"#/site_ids/{error.position}")])


def _provider_is_missing(_error: ProviderIsMissing) -> Problem:
    detail = (
        "Name an identity provider of the page's client, or one of the agency for all clients: "
        "/v1/identity-providers lists them. A page for those who sign in needs one."
    )
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/identity_provider_id")])


def _provider_is_used(error: ProviderIsUsed) -> Problem:
    return Conflict(
        f"Status pages name this provider: {', '.join(error.slugs)}. Give them another one first, or turn this one off "
        "with `enabled: false`, which lets nobody in."
    )


def _too_many_providers(_error: TooManyProviders) -> Problem:
    return Conflict("An agency has at most 200 identity providers. Delete those that nobody signs in through.")


def _unknown_outage(_error: UnknownOutage) -> Problem:
    detail = "There is no outage with this id under the contract. Take `outage_id` from the explanation of a figure."
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/outage_id")])


def _outage_not_over(_error: OutageNotOver) -> Problem:
    return Conflict("The outage was not seen to end. Propose what it counts as once it is over.")


def _decides_no_figure(_error: DecidesNoFigure) -> Problem:
    detail = (
        "This outage changes no figure: its monitor does not measure whether the site can be reached, or nothing was "
        "promised then. Take `outage_id` from the explanation of a figure."
    )
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/outage_id")])


def _outside_the_outage(error: OutsideTheOutage) -> Problem:
    start, end = (instant_text(instant) for instant in error.outage)
    detail = (
        f"The time must lie within the outage, which lasted from {start} to {end}, and its end after its beginning."
    )
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/from")])


def _not_in_this_status(error: NotInThisStatus) -> Problem:
    return Conflict(
        {
            "proposed": "The decision is only proposed: approve or decline it. What was approved can be withdrawn.",
            "declined": "The decision was declined. Propose a new one.",
            "approved": "The decision is approved and holds. Withdraw it if it was wrong.",
            "withdrawal_proposed": "Its withdrawal is proposed already: approve or decline that.",
            "withdrawn": "The decision was withdrawn. Propose a new one.",
        }[error.status]
    )


def _approved_by_its_proposer(_error: ApprovedByItsProposer) -> Problem:
    return Conflict("You proposed this yourself. Somebody else who may approve decisions has to agree.")


def _decided_by_a_program(_error: DecidedByAProgram) -> Problem:
    return Conflict("People decide on outages, and this key is a program's. Use the key of a user who may.")


def _proposed_by_a_program(_error: ProposedByAProgram) -> Problem:
    return Conflict(
        "This was proposed with a program's key, so nobody knows whether you are another person. Decline it, and let a "
        "user propose it anew."
    )


def _proposed_under_another_issuer(_error: ProposedUnderAnotherIssuer) -> Problem:
    return Conflict(
        "This was proposed by somebody who signs in otherwise than you (an own key, or single sign-on), so nobody "
        "knows whether you are another person. "
        "Sign in as the proposer did, or let somebody approve it who does."
    )


ERRORS: ErrorMapping = {
    UnknownOutage: _unknown_outage,
    OutageNotOver: _outage_not_over,
    DecidesNoFigure: _decides_no_figure,
    OutsideTheOutage: _outside_the_outage,
    NotInThisStatus: _not_in_this_status,
    ApprovedByItsProposer: _approved_by_its_proposer,
    DecidedByAProgram: _decided_by_a_program,
    ProposedByAProgram: _proposed_by_a_program,
    ProposedUnderAnotherIssuer: _proposed_under_another_issuer,
    UnknownStatusPage: _unknown_status_page,
    NotOnThePage: _not_on_the_page,
    UnknownPageUpdate: _unknown_page_update,
    UnknownPageIncident: _unknown_page_incident,
    NoSuchIncident: _no_such_incident,
    UnknownComponent: _unknown_component,
    IsMeasured: _is_measured,
    ShownAsOutage: _shown_as_outage,
    AlreadyOnThePage: _already_on_the_page,
    TooManyPageIncidents: _too_many_page_incidents,
    NotOverYet: _not_over_yet,
    TooManyPageUpdates: _too_many_page_updates,
    IsWithdrawn: _is_withdrawn,
    DomainIsNotProven: _domain_is_not_proven,
    NoDomain: _no_domain,
    PasswordIsMissing: _password_is_missing,
    UnknownSite: _unknown_site,
    ProviderIsMissing: _provider_is_missing,
    ProviderIsUsed: _provider_is_used,
    TooManyProviders: _too_many_providers,
    NothingRecorded: _nothing_recorded,
    LogIsBroken: _log_is_broken,
    UnknownContract: _unknown_contract,
    UnknownEdition: _unknown_edition,
    NotInTheContract: _not_in_the_contract,
    NothingMeasured: _nothing_measured,
    UnknownEnvironment: _unknown_environment,
    UnknownIncident: _unknown_incident,
    NothingClosed: _nothing_closed,
    EntriesNotTold: _entries_not_told,
    FactsNotTold: _facts_not_told,
    EvidenceIsIncomplete: _evidence_is_incomplete,
    SettledOtherwise: _settled_otherwise,
    TooMuchEvidence: _too_much_evidence,
    InTheFuture: in_the_future,
    WebhookIsDisabled: _webhook_is_disabled,
    DeliveryIsUnderWay: _delivery_is_under_way,
    TooManyWebhooks: _too_many_webhooks,
    TooManyKeys: _too_many_keys,
    ReplayIsRunning: _replay_is_running,
    NoSuchRange: _no_such_range,
}
