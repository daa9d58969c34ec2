"""What the settings say where a tenant has said nothing of its own."""

from functools import lru_cache

from pydantic import SecretStr

from incidents.adapters.secret_box import SecretBox
from incidents.application.ports import Recipient
from incidents.settings import IncidentsSettings
from shared.settings import ServiceSettings


def incidents_settings(settings: ServiceSettings) -> IncidentsSettings:
    """The settings of a process as this service's own class."""
    if not isinstance(settings, IncidentsSettings):
        raise TypeError(f"expected IncidentsSettings, got {type(settings).__name__}")
    return settings


def box_of(settings: IncidentsSettings) -> SecretBox:
    """What seals and signs with the keys of the settings, made once."""
    return _box(settings.secret_key, settings.previous_secret_key)


@lru_cache(maxsize=8)
def _box(key: SecretStr, previous: SecretStr | None) -> SecretBox:
    return SecretBox(key, previous)


def default_recipients(settings: IncidentsSettings) -> list[Recipient]:
    """Whom to alert for a tenant that has set no addresses of its own."""
    return [Recipient(email, settings.alert_language, "agency") for email in settings.alert_emails]
