"""Who may come in: agencies, their people, the keys of their programs."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self, TypeAlias, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from contracts.application.errors import BadCredentials, NotNow, Refused, named_at
from contracts.application.ports import Workspace
from contracts.application.values import Email, Language, Name, Request, unchanged
from contracts.domain import api_keys
from shared.auth import CLIENT_ROLES, ROLES, Role, Scope, not_theirs_to_give
from shared.values import Instant

LAST_USED_PRECISION = timedelta(minutes=1)
"""How exact `last_used_at` is: a key that is used a hundred times a second is not written a hundred times."""

Scopes: TypeAlias = Annotated[list[Scope], Field(min_length=1, max_length=20)]


def check_binding(role: Role, client_id: UUID | None) -> None:
    """Raises Refused unless exactly the client's roles are bound to a client."""
    if role in CLIENT_ROLES and client_id is None:
        raise Refused(f"is required: a {role} is bound to one client", "client_id")
    if role not in CLIENT_ROLES and client_id is not None:
        raise Refused(f"must be left out: a {role} is not bound to a client", "client_id")


def check_granting(scopes: frozenset[str], granting: frozenset[str], field: str) -> None:
    """Raises Refused for scopes that whoever has `granting` cannot give away."""
    beyond = not_theirs_to_give(scopes, granting)
    if beyond:
        raise Refused(f"would give scopes that you do not have: {', '.join(sorted(beyond))}", field)


class Tenant(BaseModel):
    """An agency."""

    tenant_id: UUID
    version: int = Field(ge=1)
    name: str
    created_at: Instant
    updated_at: Instant


class TenantPatch(Request):
    """What to change of the agency (merge patch)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Agence Lumière"}]})

    name: Name = unchanged()


class NewUser(Request):
    """A person to let in."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"email": "nadia@agency.example", "name": "Nadia Benali", "role": "operator", "language": "fr"}
            ]
        },
    )

    email: Email = Field(examples=["nadia@agency.example"])
    name: Name = Field(examples=["Nadia Benali"])
    role: Role = Field(examples=["operator"])
    language: Language = "fr"
    client_id: UUID | None = Field(default=None, description="The client of a client_decider or client_staff.")


class UserPatch(Request):
    """What to change of a user (merge patch). The role stays: make another user for another role."""

    name: Name = unchanged()
    language: Language = unchanged()
    disabled: StrictBool = unchanged()


class User(BaseModel):
    """A person, as stored. `disabled` keeps the person's keys from working."""

    user_id: UUID
    version: int = Field(ge=1)
    email: str
    name: str
    role: Role
    language: Language
    client_id: UUID | None
    disabled: bool
    created_at: Instant
    updated_at: Instant


class NewApiKey(Request):
    """A key to make: for a program, with a role of its own, or for a user, with the user's role."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "Deployment of the frontend", "role": "viewer"}]},
    )

    name: Name = Field(examples=["Deployment of the frontend"])
    role: Role | None = Field(default=None, description="Required without user_id, refused with it.")
    user_id: UUID | None = None
    client_id: UUID | None = Field(default=None, description="The client of a client_decider or client_staff.")
    scopes: Scopes | None = Field(default=None, description="Narrows the scopes of the role; left out: all of them.")
    expires_at: Instant | None = None

    @model_validator(mode="after")
    def _role_or_user(self) -> Self:
        if (self.role is None) == (self.user_id is None):
            raise ValueError("give either role, for a program, or user_id, for a person")
        if self.user_id is not None and self.client_id is not None:
            raise ValueError("client_id comes with the user")
        return self


class ApiKey(BaseModel):
    """A key, as it may be shown. Its secret is shown once, when it is made."""

    api_key_id: UUID
    version: int = Field(ge=1)
    prefix: str = Field(description="The key's public name, and the client id at the token endpoint.")
    name: str
    role: Role
    user_id: UUID | None
    client_id: UUID | None
    scopes: list[Scope] = Field(max_length=20)
    expires_at: Instant | None
    revoked_at: Instant | None
    last_used_at: Instant | None
    created_at: Instant


class IssuedApiKey(ApiKey):
    """A key that was just made: `client_secret` is shown this once."""

    client_secret: str


class KeyHolder(BaseModel):
    """Whom a good key stands for: what a token says."""

    tenant_id: UUID
    client_id: UUID | None
    role: Role
    scopes: frozenset[Scope]
    kind: Literal["user", "api_key"]
    subject: UUID
    name: str


class StoredKey(BaseModel):
    """What the token endpoint needs to know of a key to judge a secret."""

    api_key: ApiKey
    tenant_id: UUID
    digest: bytes
    user: User | None


async def change_tenant(work: Workspace, tenant: Tenant, changes: dict[str, object]) -> Tenant:
    """The locked agency with other values, which are already valid."""
    saved = tenant.model_copy(update={**changes, "version": tenant.version + 1, "updated_at": work.now})
    await work.tenants.save(saved)
    return saved


async def create_user(work: Workspace, new: NewUser, granting: frozenset[str]) -> User:
    """A new person.

    `granting` are the scopes of whoever lets the person in. Raises Refused for a role that can do more than these, and
    for a binding that does not fit the role, Unknown for the client, Taken.
    """
    check_binding(new.role, new.client_id)
    check_granting(ROLES[new.role], granting, "role")
    if new.client_id is not None:
        with named_at("client_id"):
            await work.clients.get(new.client_id)
    user = User(
        user_id=work.new_id(),
        version=1,
        disabled=False,
        created_at=work.now,
        updated_at=work.now,
        **new.model_dump(),
    )
    await work.users.add(user)
    return user


async def change_user(work: Workspace, user: User, changes: dict[str, object], granting: frozenset[str]) -> User:
    """The locked user with other values, which are already valid; disabling ends the user's keys for good.

    Enabling lets in anew: Raises Refused for a role that can do more than `granting`, the scopes of whoever does it.
    """
    saved = user.model_copy(update={**changes, "version": user.version + 1, "updated_at": work.now})
    if user.disabled and not saved.disabled:
        check_granting(ROLES[user.role], granting, "disabled")
    await work.users.save(saved)
    if saved.disabled and not user.disabled:
        await work.keys.revoke_of(user.user_id, work.now)
    return saved


async def create_api_key(work: Workspace, new: NewApiKey, granting: frozenset[str]) -> IssuedApiKey:
    """A new key with its secret, which is shown this once.

    `granting` are the scopes of whoever makes the key: nobody gives away more than he has. Raises Refused or Unknown.
    """
    role, client_id, role_from = new.role, new.client_id, "role"
    if new.user_id is not None:
        with named_at("user_id"):
            user = await work.users.get(new.user_id)
        if user.disabled:
            raise NotNow("The user is disabled. Enable the user, then make the key.")
        role, client_id, role_from = user.role, user.client_id, "user_id"
    assert role is not None
    check_binding(role, client_id)
    if client_id is not None:
        with named_at("client_id"):
            await work.clients.get(client_id)
    allowed = ROLES[role]
    scopes = frozenset(new.scopes) if new.scopes is not None else allowed
    if not scopes <= allowed:
        raise Refused(f"{', '.join(sorted(scopes - allowed))} is not part of the role {role}", "scopes")
    check_granting(scopes, granting, role_from)
    if new.expires_at is not None and new.expires_at <= work.now:
        raise Refused("is in the past", "expires_at")
    prefix = api_keys.prefix_of(work.random_bytes(api_keys.PREFIX_BYTES))
    secret = api_keys.secret_of(prefix, work.random_bytes(api_keys.SECRET_BYTES))
    issued = IssuedApiKey(
        api_key_id=work.new_id(),
        version=1,
        prefix=prefix,
        name=new.name,
        role=role,
        user_id=new.user_id,
        client_id=client_id,
        scopes=[scope for scope in get_args(Scope) if scope in scopes],
        expires_at=new.expires_at,
        revoked_at=None,
        last_used_at=None,
        created_at=work.now,
        client_secret=secret,
    )
    await work.keys.issue(issued, api_keys.digest_of(secret))
    return issued


async def revoke_api_key(work: Workspace, api_key_id: UUID) -> ApiKey:
    """The key, which from now on gets no token; tokens that it got live on for at most ten minutes."""
    key = await work.keys.locked(api_key_id)
    if key.revoked_at is not None:
        return key
    saved = key.model_copy(update={"revoked_at": work.now, "version": key.version + 1})
    await work.keys.save(saved)
    return saved


_NOBODY = api_keys.digest_of("")
"""What a secret is compared with when there is no such key, so that both refusals take the same time."""


def holder_of(stored: StoredKey | None, secret: str, now: datetime) -> KeyHolder:
    """Whom the key stands for. Raises BadCredentials for every reason alike: nobody learns which keys exist."""
    good = api_keys.matches(secret, stored.digest if stored else _NOBODY)
    if stored is None or not good:
        raise BadCredentials
    key, user = stored.api_key, stored.user
    if not api_keys.usable(key.expires_at, key.revoked_at, now) or (user is not None and user.disabled):
        raise BadCredentials
    return KeyHolder(
        tenant_id=stored.tenant_id,
        client_id=key.client_id,
        role=key.role,
        scopes=frozenset(key.scopes) & ROLES[key.role],
        kind="api_key" if user is None else "user",
        subject=key.api_key_id if user is None else user.user_id,
        name=key.name if user is None else user.name,
    )
