"""Addresses of notification channels: which Apprise URLs may be used, and what is shown of one.

Apprise speaks to a hundred services, and also to the local desktop, to files, to processes and to any host by any
protocol. Which schemes may be used is decided by a rule (decision record 0016): a plugin speaks HTTP with `requests` in
the thread that calls it, starts nothing, and reads no file that the URL names. The tables below are that rule applied;
a test applies it again. Whatever an address says, the thread that sends is fenced in (`adapters.fence`).
"""

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from shared.outbound_http import AddressGuard, AddressRefused, PlainHttpGuard

LONGEST: Final = 2_000
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0

HOSTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "46elks": "fortysixelks.Notify46Elks",
        "bulksms": "bulksms.NotifyBulkSMS",
        "clickatell": "clickatell.NotifyClickatell",
        "clicksend": "clicksend.NotifyClickSend",
        "dingtalk": "dingtalk.NotifyDingTalk",
        "discord": "discord.NotifyDiscord",
        "feishu": "feishu.NotifyFeishu",
        "firehydrant": "firehydrant.NotifyFireHydrant",
        "flock": "flock.NotifyFlock",
        "freemobile": "freemobile.NotifyFreeMobile",
        "gchat": "google_chat.NotifyGoogleChat",
        "ilert": "ilert.NotifyILert",
        "incidentio": "incidentio.NotifyIncidentIO",
        "join": "join.NotifyJoin",
        "lark": "lark.NotifyLark",
        "line": "line.NotifyLine",
        "msgbird": "messagebird.NotifyMessageBird",
        "octopush": "octopush.NotifyOctopush",
        "onesignal": "one_signal.NotifyOneSignal",
        "opsgenie": "opsgenie.NotifyOpsgenie",
        "pagerduty": "pagerduty.NotifyPagerDuty",
        "pagertree": "pagertree.NotifyPagerTree",
        "pbul": "pushbullet.NotifyPushBullet",
        "pover": "pushover.NotifyPushover",
        "prowl": "prowl.NotifyProwl",
        "pushy": "pushy.NotifyPushy",
        "seven": "seven.NotifySeven",
        "sfr": "sfr.NotifySFR",
        "signl4": "signl4.NotifySIGNL4",
        "sinch": "sinch.NotifySinch",
        "slack": "slack.NotifySlack",
        "spike": "spike.NotifySpike",
        "splunk": "splunk.NotifySplunk",
        "squadcast": "squadcast.NotifySquadcast",
        "tgram": "telegram.NotifyTelegram",
        "threema": "threema.NotifyThreema",
        "twilio": "twilio.NotifyTwilio",
        "twist": "twist.NotifyTwist",
        "vonage": "vonage.NotifyVonage",
        "webex": "webexteams.NotifyWebexTeams",
        "wecombot": "wecombot.NotifyWeComBot",
        "whatsapp": "whatsapp.NotifyWhatsApp",
        "zulip": "zulip.NotifyZulip",
    }
)
"""Services whose hosts the plugin knows: the URL names an account there, and no host. Scheme → plugin."""

OWN_HOST: Final[Mapping[str, str]] = MappingProxyType(
    {
        scheme: plugin
        for names, plugin in (
            ("json jsons", "custom_json.NotifyJSON"),
            ("form forms", "custom_form.NotifyForm"),
            ("xml xmls", "custom_xml.NotifyXML"),
            ("gotify gotifys", "gotify.NotifyGotify"),
            ("hassio hassios", "home_assistant.NotifyHomeAssistant"),
            ("mmost mmosts", "mattermost.NotifyMattermost"),
            ("nctalk nctalks", "nextcloudtalk.NotifyNextcloudTalk"),
            ("ntfy ntfys", "ntfy.NotifyNtfy"),
            ("rocket rockets", "rocketchat.NotifyRocketChat"),
            ("signal signals", "signal_api.NotifySignalAPI"),
            ("workflows", "workflows.NotifyWorkflows"),
        )
        for scheme in names.split()
    }
)
"""Services that somebody runs himself, by HTTP: the URL names the host. Those without the s speak plain HTTP."""

SCHEMES: Final = frozenset(HOSTED) | frozenset(OWN_HOST)

_HOST_IS_NO_SECRET = frozenset(OWN_HOST) - {"ntfy", "ntfys", "workflows"}  # there it may be the topic, or half the key

REFUSED_PARAMETERS: Final = frozenset(
    {"verify", "redirect", "template", "keyfile", "subfile", "attach", "attach-as", "store"}
    | {"retry", "wait", "rto", "cto"}
)
"""What would weaken the check of certificates, follow the receiver elsewhere, read a file, or keep a thread waiting."""


class UnusableAddressError(ValueError):
    """The address cannot be used; the message says why and what to do, and nothing of the address but its scheme."""


@dataclass(frozen=True)
class ChannelAddress:
    """An address that may be used."""

    scheme: str
    shown: str
    """The scheme, and the host where that is no secret."""


def check_address(url: str, allowed_networks: Iterable[IPv4Network | IPv6Network] = ()) -> ChannelAddress:
    """The address that a URL is. Opens no connection: which addresses its host has is checked at each one.

    Raises UnusableAddressError.
    """
    allowed = tuple(allowed_networks)
    scheme, separator, _ = url.partition("://")
    scheme = scheme.lower()
    if not separator or not url.isprintable() or len(url) > LONGEST:
        raise UnusableAddressError("This is no Apprise URL. Write scheme://…, such as slack://TokenA/TokenB/TokenC.")
    if scheme not in SCHEMES:
        known = ", ".join(sorted(SCHEMES))
        raise UnusableAddressError(f"This scheme is not used here. Choose one of: {known}.")
    try:
        parts = urlsplit(url)
        host = parts.hostname
        given = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    except ValueError:
        raise UnusableAddressError("This address cannot be read. Check that it was copied whole.") from None
    refused = sorted(given & REFUSED_PARAMETERS)
    if refused:
        raise UnusableAddressError(f"Leave out of the address: {', '.join(refused)}. We decide these ourselves.")
    if scheme in OWN_HOST:
        _check_host(host or "", plain=not scheme.endswith("s"), allowed=allowed)
    if plugin_of(url) is None:
        raise UnusableAddressError(f"Apprise cannot read this {scheme} address. Check that it was copied whole.")
    shown = f"{scheme}://{host}/…" if scheme in _HOST_IS_NO_SECRET else f"{scheme}://…"
    return ChannelAddress(scheme, shown)


def guard_of(url: str, allowed_networks: Iterable[IPv4Network | IPv6Network]) -> AddressGuard:
    """What decides, at each connection for this address, whether it is opened."""
    scheme = url.partition("://")[0].lower()
    plain = scheme in OWN_HOST and not scheme.endswith("s")
    return PlainHttpGuard(allowed_networks) if plain else AddressGuard(allowed_networks)


def plugin_of(url: str) -> Any | None:
    """The plugin of a URL with one of `SCHEMES`, with our own limits whatever the URL says; None for none.

    Only the module of that one plugin is loaded: others reach for the desktop or the bus already when imported.
    """
    scheme = url.partition("://")[0].lower()
    module, _, name = (HOSTED.get(scheme) or OWN_HOST[scheme]).rpartition(".")
    asset = importlib.import_module("apprise.asset").AppriseAsset(storage_mode="memory")
    asset.app_id, asset.app_desc, asset.app_url = "Upheld", "Upheld", ""
    asset.async_mode, asset.http_redirects = False, False
    plugin_class = getattr(importlib.import_module(f"apprise.plugins.{module}"), name)
    try:
        parsed = plugin_class.parse_url(url)
        plugin = plugin_class(**(parsed | {"asset": asset})) if parsed else None
    except Exception:  # whatever a plugin makes of a malformed address: it is not one
        return None
    if plugin is not None:
        plugin.verify_certificate = True
        plugin.socket_connect_timeout, plugin.socket_read_timeout = CONNECT_SECONDS, READ_SECONDS
    return plugin


def _check_host(host: str, *, plain: bool, allowed: tuple[IPv4Network | IPv6Network, ...]) -> None:
    """Refuses at once what would be refused at every try: plain HTTP, and addresses of private networks."""
    if plain and not allowed:
        raise UnusableAddressError("Use the scheme that ends in s: what is sent must not travel in the clear.")
    try:
        literal = ip_address(host)
    except ValueError:
        return  # a name: its addresses are checked when one is connected to
    try:
        AddressGuard(allowed).check(literal)
    except AddressRefused as error:
        raise UnusableAddressError(f"This address cannot be used: {error}.") from None
