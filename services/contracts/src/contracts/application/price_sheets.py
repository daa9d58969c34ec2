"""The price sheet of a catalogue: what the plans cost, and what of it is indicative and no quote."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from contracts.application.catalogue import PlanPrice, PlanVersion
from contracts.application.contracts import INDICATIVE_NOTICE
from contracts.application.papers import Paper, PaperSection, language_of, spoken, table
from contracts.application.ports import Workspace
from shared.i18n import Translator


def price_sheet(
    plans: Sequence[PlanVersion], agency_name: str, zone: ZoneInfo, work: Workspace, t: Translator
) -> Paper:
    """The plans in their newest versions, side by side, with what each includes."""
    indicative = any(plan.price.indicative for plan in plans)
    return Paper(
        kind="price_sheet",
        language=language_of(t),
        title=t.gettext("Indicative prices") if indicative else t.gettext("Prices"),
        subtitle=agency_name,
        as_of=work.now,
        as_of_in_words=t.datetime(work.now, zone),
        notices=[INDICATIVE_NOTICE[t.language]] if indicative else [],
        introduction=[],
        sections=[
            PaperSection(
                code="plans",
                title=t.gettext("Plans"),
                tables=[
                    table(
                        [t.gettext("Plan"), t.gettext("Per month, without VAT"), t.gettext("What kind of price")],
                        [
                            [
                                spoken(plan.title, t),
                                price_words(plan.price, t),
                                t.gettext("indicative, no quote")
                                if plan.price.indicative
                                else t.gettext("binding range"),
                            ]
                            for plan in plans
                        ],
                        figures=[1],
                    )
                ],
                items=[
                    t.gettext(
                        "%(plan)s: %(items)s",
                        plan=spoken(plan.title, t),
                        items=", ".join(spoken(item.name, t) for item in plan.effective_deliverables),
                    )
                    for plan in plans
                ],
            )
        ],
        closing=[],
        signature=[],
    )


def price_words(price: PlanPrice, t: Translator) -> str:
    """``from €150.00``, ``up to €200.00``, ``€100.00 to €200.00``."""
    least = None if price.minimum is None else t.money(price.minimum, price.currency)
    most = None if price.maximum is None else t.money(price.maximum, price.currency)
    if least is not None and most is not None:
        return t.gettext("%(least)s to %(most)s", least=least, most=most)
    if least is not None:
        return t.gettext("from %(least)s", least=least)
    if most is not None:
        return t.gettext("up to %(most)s", most=most)
    return t.gettext("on request")
