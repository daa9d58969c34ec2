"""What the registers are called in French and English, wherever a client reads of them."""

from collections.abc import Callable, Mapping
from functools import cache

from pydantic import BaseModel, ConfigDict, Field

from contracts.application.service_desk_words import catalogues
from shared.i18n import Translator


class Words(BaseModel):
    """The same words in French and English."""

    model_config = ConfigDict(frozen=True)

    fr: str = Field(max_length=5000)
    en: str = Field(max_length=5000)


def in_both(say: Callable[[Translator], str]) -> Words:
    """What `say` says with each language's translator."""
    known = catalogues()
    return Words(fr=say(known.translator("fr")), en=say(known.translator("en")))


@cache
def named(code: str) -> Words:
    """What a kind, a state or a party of the registers is called. Raises KeyError for a code that has no name."""
    return in_both(lambda translator: _names(translator)[code])


def name_in(t: Translator, code: str) -> str:
    """The same in one language; a code that has no name is shown as it is."""
    return _names(t).get(code, code)


def _names(t: Translator) -> Mapping[str, str]:
    return {
        # Kinds of configuration items
        "hardware": t.gettext("hardware"),
        "os_and_patches": t.gettext("operating system and patches"),
        "application": t.gettext("application"),
        "parameter": t.gettext("parameter"),
        "interface": t.gettext("interface"),
        # States of versions
        "in_service": t.gettext("in service"),
        "retired": t.gettext("out of service"),
        "withdrawn": t.gettext("withdrawn"),
        # Results of deliveries
        "planned": t.gettext("planned"),
        "succeeded": t.gettext("succeeded"),
        "failed": t.gettext("failed"),
        "rolled_back": t.gettext("rolled back"),
        # Parties
        "provider": t.gettext("provider"),
        "client": t.gettext("client"),
        # Kinds of obligations
        "access": t.gettext("access to be given"),
        "information": t.gettext("information to be given"),
        "validation": t.gettext("validation"),
        "credential_rotation": t.gettext("change of credentials"),
        "update": t.gettext("update"),
        "functions_register": t.gettext("list of functions to keep up to date"),
        "anomalies_register": t.gettext("list of anomalies to keep up to date"),
        "works_register": t.gettext("list of works to keep up to date"),
        "other": t.gettext("other"),
        # Breaches that clocks tell of
        "response": t.gettext("response target missed"),
        "repair": t.gettext("repair target missed"),
        "mitigation": t.gettext("workaround target missed"),
        "next_reply": t.gettext("reply target missed"),
        "post_mortem": t.gettext("post-mortem overdue"),
        # States of obligations and breaches
        "open": t.gettext("open"),
        "breached": t.gettext("overdue"),
        "fulfilled": t.gettext("fulfilled"),
        "released": t.gettext("no longer asked for"),
        "lapsed": t.gettext("lapsed with the contract"),
        "ended": t.gettext("ended"),
        # States of advice
        "issued": t.gettext("issued"),
        "delivered": t.gettext("delivered"),
        "acknowledged": t.gettext("acknowledged"),
        "accepted": t.gettext("accepted"),
        "refused": t.gettext("refused"),
        # Kinds of advice
        "security": t.gettext("security"),
        "end_of_support": t.gettext("end of support"),
        "end_of_life": t.gettext("end of life"),
        "precaution": t.gettext("precaution"),
        # The client's registers
        "functions": t.gettext("functions"),
        "anomalies": t.gettext("anomalies"),
        "works": t.gettext("works"),
        # States of their entries
        "current": t.gettext("current"),
        "removed": t.gettext("removed"),
        "being_fixed": t.gettext("being fixed"),
        "fixed": t.gettext("fixed"),
        "done": t.gettext("done"),
    }
