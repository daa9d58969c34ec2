"""The support model of a contract: its scope, who is responsible for what (RACI), and the levels of service."""

from collections.abc import Iterator

from contracts.application.papers import Paper, PaperSection, language_of, spoken, table
from contracts.application.plain_terms import Written, coverage, severity_name, targets_table
from contracts.application.ports import Workspace
from contracts.application.service_desk_words import lasting
from contracts.application.sheet import sheet_of
from shared.i18n import Translator


def support_model(written: Written, work: Workspace, t: Translator) -> Paper:
    """The document in the language of the translator. A part that the contract does not agree on says so."""
    return Paper(
        kind="support_model",
        language=language_of(t),
        title=t.gettext("Support model: scope, responsibilities, service levels"),
        subtitle=f"{written.contract.number} – {written.client.name}",
        as_of=work.now,
        as_of_in_words=t.datetime(work.now, written.zone),
        notices=[],
        introduction=[],
        sections=list(_sections(written, t)),
        closing=[],
        signature=[],
    )


def _sections(written: Written, t: Translator) -> Iterator[PaperSection]:
    terms = written.contract.terms
    sheet = sheet_of(written.contract, written.sites, t)
    sites = t.enumeration([f"{site.name} ({site.kind_in_words})" for site in sheet.sites])
    yield PaperSection(
        code="scope",
        title=t.gettext("Scope"),
        paragraphs=[t.gettext("Systems under support: %(sites)s.", sites=sites)],
        tables=[
            table(
                [t.gettext("What"), t.gettext("Where it stands")],
                [[line.text, section.title] for section in sheet.sections for line in section.lines],
            )
        ],
    )
    yield _responsibilities(written, t)
    yield _levels(written, t)
    yield _coverage(written, t)
    yield _targets(written, t)
    desk = terms.service_desk
    yield PaperSection(
        code="escalation",
        title=t.gettext("Escalation"),
        paragraphs=[] if desk is not None and desk.escalation else [t.gettext("No escalation was agreed.")],
        tables=[
            table(
                [t.gettext("Level"), t.gettext("Who"), t.gettext("When")],
                [
                    [
                        str(entry.level),
                        role_name(entry.role, t),
                        t.gettext("handed up by the level before")
                        if entry.percent is None
                        else t.gettext("%(share)s of the time is used", share=t.percent(str(entry.percent))),
                    ]
                    for entry in desk.escalation
                ],
            )
        ]
        if desk is not None and desk.escalation
        else [],
    )


def role_name(role: str, t: Translator) -> str:
    """A role of an escalation; one that the agency has made up is called as the agency calls it."""
    return {
        "on_call": t.pgettext("role", "on-call person"),
        "manager": t.pgettext("role", "manager"),
        "director": t.pgettext("role", "management"),
    }.get(role, role)


def _responsibilities(written: Written, t: Translator) -> PaperSection:
    terms = written.contract.terms
    section = PaperSection(code="responsibilities", title=t.gettext("Responsibilities (RACI)"))
    if terms.responsibilities is None or not terms.responsibilities.activities:
        section.paragraphs = [t.gettext("No responsibilities were agreed.")]
        return section
    names = {"agency": written.agency.name, "client": written.client.name}
    names |= {actor.code: spoken(actor.name, t) for actor in terms.actors or ()}
    nobody = t.gettext("nobody yet")

    def who(*codes: str | None) -> str:
        known = [names[code] for code in codes if code is not None]
        return t.enumeration(known) if known else nobody

    section.paragraphs = [
        t.gettext(
            "Responsible does the work, accountable decides and answers for it, consulted is asked before, informed is"
            " told after."
        )
    ]
    section.tables = [
        table(
            [
                t.gettext("Activity"),
                t.gettext("Responsible"),
                t.gettext("Accountable"),
                t.gettext("Consulted"),
                t.gettext("Informed"),
            ],
            [
                [
                    spoken(activity.name, t),
                    who(activity.executes),
                    who(activity.decides),
                    who(*activity.consulted) if activity.consulted else "–",
                    who(*activity.informed) if activity.informed else "–",
                ]
                for activity in terms.responsibilities.activities
            ],
        )
    ]
    return section


def _levels(written: Written, t: Translator) -> PaperSection:
    section = PaperSection(code="levels", title=t.gettext("Levels of support"))
    support = sorted(
        (actor for actor in written.contract.terms.actors or () if actor.support_level is not None),
        key=lambda actor: actor.support_level or 0,
    )
    if not support:
        section.paragraphs = [t.gettext("No levels of support were agreed.")]
        return section
    section.tables = [
        table(
            [t.gettext("Level"), t.gettext("Who"), t.gettext("Contact"), t.gettext("Asked about")],
            [
                [
                    str(actor.support_level),
                    spoken(actor.name, t),
                    ", ".join(each for each in (actor.person, actor.email) if each) or "–",
                    ", ".join(area.replace("_", " ") for area in actor.areas) or "–",
                ]
                for actor in support
            ],
        )
    ]
    return section


def _coverage(written: Written, t: Translator) -> PaperSection:
    offer, response = written.contract.terms.offer, written.contract.terms.response
    section = PaperSection(code="coverage", title=t.gettext("When, how and by whom"))
    calendar = (None if offer is None else offer.coverage_calendar) or (None if response is None else response.calendar)
    section.paragraphs = [] if calendar is None else coverage(written, calendar, t)
    if offer is not None:
        channels = {
            "portal": t.pgettext("channel", "portal"),
            "mail": t.pgettext("channel", "e-mail"),
            "phone": t.pgettext("channel", "phone"),
            "chat": t.pgettext("channel", "chat"),
        }
        modes = {"remote": t.gettext("remotely"), "on_site": t.gettext("on site")}
        if offer.channels:
            named = t.enumeration([channels[code] for code in offer.channels])
            section.items.append(t.gettext("Requests are taken by: %(channels)s.", channels=named))
        if offer.intervention_modes:
            named = t.enumeration([modes[code] for code in offer.intervention_modes])
            section.items.append(t.gettext("Work is done: %(modes)s.", modes=named))
        section.items += [
            t.ngettext(
                "%(role)s: %(count)s person", "%(role)s: %(count)s people", each.people, role=spoken(each.role, t)
            )
            for each in offer.team
        ]
    if not (section.paragraphs or section.items):
        section.paragraphs = [t.gettext("No hours of coverage were agreed.")]
    return section


def _targets(written: Written, t: Translator) -> PaperSection:
    terms = written.contract.terms
    section = PaperSection(code="targets", title=t.gettext("Service levels"))
    targets = targets_table(written, t)
    if targets is not None:
        section.tables.append(targets)
    desk = terms.service_desk
    if desk is not None and desk.targets:
        none = t.gettext("not agreed")
        section.tables.append(
            table(
                [t.gettext("How serious it is"), t.gettext("Workaround within"), t.gettext("Next reply within")],
                [
                    [
                        severity_name(target.severity, desk, t),
                        none if target.mitigation is None else lasting(target.mitigation, t),
                        none if target.next_reply is None else lasting(target.next_reply, t),
                    ]
                    for target in desk.targets
                ],
            )
        )
    if terms.uptime is not None:
        section.items.append(
            t.gettext("Availability: at least %(share)s of every month.", share=t.percent(terms.uptime.target_percent))
        )
    sites = {site.site_id: site.name for site in written.sites}
    for objective in terms.continuity or ():
        section.items.append(
            t.gettext(
                "%(site)s: at most %(rpo)s of data are lost, and it is back within %(rto)s.",
                site=t.gettext("Every other system") if objective.site_id is None else sites[objective.site_id],
                rpo=lasting(objective.rpo, t),
                rto=lasting(objective.rto, t),
            )
        )
    if not (section.tables or section.items):
        section.paragraphs = [t.gettext("No service levels were agreed.")]
    return section
