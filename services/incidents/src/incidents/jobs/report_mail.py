"""What the agency is told when a report is sent to nobody; `AgencyMail` sends it."""

from datetime import date
from zoneinfo import ZoneInfo

from incidents.adapters.on_call_tables import AgencyMessageRow
from shared.i18n import Translator
from shared.mail import one_line


def report_to_nobody_text(translator: Translator, row: AgencyMessageRow, _zone: ZoneInfo) -> tuple[str, str]:
    """Subject and body, in a language. There is no instant in it."""
    told, gettext = row.details, translator.gettext
    client, contract = one_line(told["client_name"]), one_line(told["contract_number"])
    report = gettext(
        "%(report)s, %(month)s, edition %(edition)s",
        report=_name(translator, told["kind"]),
        month=translator.month(date.fromisoformat(told["month"])),
        edition=told["edition"],
    )
    lines = [
        gettext(
            "Contract %(contract)s with %(client)s: a report was sent to nobody.", contract=contract, client=client
        ),
        report,
        "",
        gettext(
            "Nobody at %(client)s has the role of decider, and reports are mailed to those who have it.", client=client
        ),
        gettext("Give the role to one of the client's contacts: the next report is mailed to that person."),
        gettext("This one was issued all the same: read it, or hand it over, under %(path)s", path=_path(told)),
    ]
    return one_line(gettext("Nobody gets the reports of %(client)s", client=client)), "\n".join(lines) + "\n"


def _name(translator: Translator, kind: str) -> str:
    gettext = translator.gettext
    names = {
        "monthly": gettext("Monthly report"),
        "quarterly": gettext("Quarterly review"),
        "annual": gettext("Annual review"),
        "institutional": gettext("Report on incidents, actions and risks"),
        "hours": gettext("Hours report"),
        "access": gettext("Report on accesses"),
        "decisions": gettext("Report on decisions"),
    }
    return names.get(kind, gettext("Report"))


_FOLDERS = {"monthly": "reports"} | {kind: f"reviews/{kind}" for kind in ("quarterly", "annual", "institutional")}


def _path(told: dict[str, str]) -> str:
    folder = _FOLDERS.get(told["kind"], f"scheduled-reports/{told['kind']}")
    return f"GET /v1/contracts/{told['contract_id']}/{folder}/{told['month'][:7]}/editions/{told['edition']}/pdf"
