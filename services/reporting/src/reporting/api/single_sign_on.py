"""The way to an OpenID provider and back, for whatever begins it: the portal, or a status page on whichever host.

Between the two, what binds them is in a cookie of the browser, sealed: `state`, `nonce`, the verifier of PKCE, and
where it is to come back to. Whoever comes back has to bring it, once, and within ten minutes. Nothing that a request
says is ever a place to go to.
"""

from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Final
from uuid import UUID

import structlog
from fastapi import Depends, Request, Response
from pydantic import ValidationError

from reporting.adapters.identity_providers import usable_provider, use_state
from reporting.adapters.openid import OpenIdProviders
from reporting.adapters.own_domains import OWN_DOMAIN
from reporting.adapters.secret_box import SecretBox, Unreadable
from reporting.api.dependencies import Box, Settings, of_process
from reporting.application.single_sign_on import Flow, Provider, SignInFailed
from reporting.domain.single_sign_on import FLOW_LIFE
from reporting.settings import ReportingSettings
from shared.brake import Brake
from shared.consumer import is_database_away
from shared.problems import TooManyRequests
from shared.service import CurrentRuntime
from shared.unit_of_work import UnitOfWork
from shared.worker import Runtime

BEGUN_A_MINUTE: Final = 600
"""Ways there, from one place through one provider: everybody of a company may come from one place, in one morning."""
FAILED_A_MINUTE: Final = 30
"""Sign-ins that failed, from one place through one provider, after which none is looked at for a while: each may make
us ask the provider. Whoever is let in counts for nothing."""
LONGEST: Final = 4_096
"""Characters of what a provider sends back with the browser."""
OTHER_ACCOUNT: Final = "other"

log = structlog.get_logger(__name__)


class SingleSignOn:
    """For one request."""

    def __init__(
        self,
        request: Request,
        runtime: Runtime,
        settings: ReportingSettings,
        box: SecretBox,
        providers: OpenIdProviders,
        begun: Brake,
        failed: Brake,
    ) -> None:
        self._request = request
        self._runtime = runtime
        self._settings = settings
        self._box = box
        self._providers = providers
        self._begun = begun
        self._failed = failed

    async def begin(self, identity_provider_id: UUID, redirect_uri: str) -> Response:
        """Leads to the provider, which leads back to `redirect_uri`. Raises SignInFailed."""
        try:
            self._begun.pass_by(self._way(identity_provider_id))
        except TooManyRequests:
            raise SignInFailed("too_often") from None
        provider = await self._provider(identity_provider_id)
        other = self._request.query_params.get("account") == OTHER_ACCOUNT
        now = self._runtime.clock.now()
        flow, address = await self._providers.way_to(provider, redirect_uri, now, other_account=other)
        response = Response(status_code=303, headers={"Location": address, "Cache-Control": "no-store"})
        response.set_cookie(
            self._cookie,
            self._box.seal(flow.model_dump_json()).decode(),
            max_age=int(FLOW_LIFE.total_seconds()),
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite="lax",  # the provider leads back here from elsewhere
        )
        return response

    async def finish(self, identity_provider_id: UUID, redirect_uri: str) -> tuple[Provider, str]:
        """The provider, and the mail address that it vouches for, of whoever came back. Raises SignInFailed."""
        if not self._failed.lets_by(self._way(identity_provider_id)):
            raise SignInFailed("too_often")
        flow = self._flow(identity_provider_id, redirect_uri)
        provider = await self._provider(identity_provider_id)
        if flow.version != provider.version:
            raise SignInFailed("begun_elsewhere", "the provider was changed meanwhile")
        async with self._unit() as unit:
            await use_state(unit, provider, flow.state)
        await self._providers.check_answerer(provider, self._one("iss"))
        error, code = self._one("error"), self._one("code")
        if error is not None or code is None:
            declined = error in ("access_denied", "login_required", "interaction_required", "consent_required")
            # What else it says of it is a stranger's text, and shown to nobody.
            raise SignInFailed("declined" if declined else "provider_refused", "the provider answered with an error")
        return provider, await self._providers.address_of(provider, flow, code, self._runtime.clock.now())

    def forget(self, response: Response) -> Response:
        """Takes the cookie back: this way was gone to its end, whatever that was."""
        response.delete_cookie(self._cookie, path="/", secure=self._is_secure, httponly=True, samesite="lax")
        return response

    def note(self, failed: SignInFailed, identity_provider_id: UUID | None) -> None:
        """Writes into the log what the visitor is not told, and counts it."""
        if failed.fault != "too_often":
            with suppress(TooManyRequests):
                self._failed.pass_by(self._way(identity_provider_id))
        log.warning(
            "single_sign_on_failed",
            identity_provider_id=str(identity_provider_id),
            fault=failed.fault,
            reason=str(failed)[:300],
        )

    def _way(self, identity_provider_id: UUID | None) -> Hashable:
        """What is counted together: a place, and the provider through which it is gone."""
        return (self._request.client.host if self._request.client else "", identity_provider_id)

    async def _provider(self, identity_provider_id: UUID) -> Provider:
        try:
            async with self._unit() as unit:
                return await usable_provider(unit, self._box, identity_provider_id)
        except Unreadable:
            raise SignInFailed("turned_off", "its secret was sealed with another key") from None

    @asynccontextmanager
    async def _unit(self) -> AsyncIterator[UnitOfWork]:
        """For every tenant: nobody is known yet, on whose behalf it would be. Raises SignInFailed while the database is
        away."""
        try:
            async with self._runtime.units.for_every_tenant() as unit:
                yield unit
        except Exception as error:
            if not is_database_away(error):
                raise
            raise SignInFailed("away", type(error).__name__) from error

    def _flow(self, identity_provider_id: UUID, redirect_uri: str) -> Flow:
        """What this browser went to the provider with, if it comes back from there. Raises SignInFailed."""
        try:
            flow = Flow.model_validate_json(self._box.open(self._request.cookies.get(self._cookie, "").encode()))
        except (Unreadable, ValidationError):
            raise SignInFailed("begun_elsewhere", "the browser has no flow") from None
        if (flow.redirect_uri, flow.identity_provider_id) != (redirect_uri, identity_provider_id):
            raise SignInFailed("begun_elsewhere", "the flow leads elsewhere")
        if self._one("state") != flow.state:
            raise SignInFailed("begun_elsewhere", "the state is of another flow")
        if not flow.began_at <= self._runtime.clock.now() < flow.began_at + FLOW_LIFE:
            raise SignInFailed("begun_elsewhere", "it took too long")
        return flow

    def _one(self, name: str) -> str | None:
        """A parameter that may be there once (RFC 6749, section 3.1). Raises SignInFailed."""
        given: Sequence[str] = self._request.query_params.getlist(name)
        if len(given) > 1 or any(len(each) > LONGEST for each in given):
            raise SignInFailed("not_proven", f"the answer has {name} more than once, or it is too long")
        return given[0] if given else None

    @property
    def _is_secure(self) -> bool:
        return OWN_DOMAIN in self._request.scope or self._settings.public_url.startswith("https://")

    @property
    def _cookie(self) -> str:
        return "__Host-sso" if self._is_secure else "sso"


def openid_providers(request: Request, runtime: CurrentRuntime) -> OpenIdProviders:
    """Dependency: what this process knows of providers."""
    return of_process(request, "openid_providers", lambda: OpenIdProviders(runtime.http))


OpenId = Annotated[OpenIdProviders, Depends(openid_providers)]


def single_sign_on(
    request: Request, runtime: CurrentRuntime, settings: Settings, box: Box, providers: OpenId
) -> SingleSignOn:
    """Dependency: see `SingleSignOn`."""
    brakes = of_process(request, "single_sign_on_brakes", lambda: (Brake(BEGUN_A_MINUTE), Brake(FAILED_A_MINUTE)))
    return SingleSignOn(request, runtime, settings, box, providers, *brakes)


SignOn = Annotated[SingleSignOn, Depends(single_sign_on)]


def portal_redirect_uri(settings: ReportingSettings, identity_provider_id: UUID) -> str:
    """Where a provider leads back to the portal: each provider has a place of its own (RFC 9700, section 4.4)."""
    return f"{settings.public_url.rstrip('/')}/portal/sso/{identity_provider_id}/callback"


def page_redirect_uri(settings: ReportingSettings, slug: str, domain: str | None) -> str:
    """Where a provider leads back to a status page, on the host on which the visitor is."""
    base = f"https://{domain}" if domain is not None else f"{settings.public_url.rstrip('/')}/status/{slug}"
    return f"{base}/sso/callback"
