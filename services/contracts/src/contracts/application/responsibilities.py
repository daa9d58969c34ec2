"""Who decides, who executes, and which people there are: the responsibility matrix and the actors."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.application.values import Code, Email, Name, Request, Texts
from contracts.domain.responsibilities import Activity

Side = Literal["agency", "client"]
ActorGroup = Literal["business_user", "it", "client_support"]


class ResponsibilityActivity(Request):
    """One activity: whose responsibility it is, who decides and who executes."""

    code: Code = Field(examples=["incident_handling"])
    name: Texts
    side: Side = Field(description="Whose responsibility it is, as a whole.")
    decides: Code | None = Field(default=None, description="agency, client, or the code of an actor; null: nobody.")
    executes: Code | None = Field(default=None, description="agency, client, or the code of an actor; null: nobody.")
    consulted: list[Code] = Field(default_factory=list, max_length=20)
    informed: list[Code] = Field(default_factory=list, max_length=20)

    def as_value(self) -> Activity:
        """The activity as the domain knows it."""
        return Activity(self.code, self.decides, self.executes)

    def named(self) -> set[str]:
        """Everybody whom it names."""
        return {code for code in (self.decides, self.executes, *self.consulted, *self.informed) if code is not None}


class Responsibilities(Request):
    """Who decides, who executes, and how risks are managed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "activities": [
                        {
                            "code": "functional_validation",
                            "name": {"fr": "Recette fonctionnelle", "en": "Functional validation"},
                            "side": "client",
                            "decides": "client",
                            "executes": "client",
                            "consulted": [],
                            "informed": ["agency"],
                        }
                    ]
                }
            ]
        },
    )

    activities: list[ResponsibilityActivity] = Field(max_length=200)

    @model_validator(mode="after")
    def _each_activity_once(self) -> Self:
        codes = [activity.code for activity in self.activities]
        if len(set(codes)) != len(codes):
            raise ValueError("has one activity twice")
        return self


class Actor(Request):
    """Somebody who has a part: a business user, the client's IT, or a level of support."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "code": "local_support",
                    "name": {"fr": "Support client local", "en": "Local client support"},
                    "group": "client_support",
                    "areas": ["configuration", "logs"],
                    "support_level": 1,
                    "person": "Paul Girard",
                    "email": "paul@hotel-du-lac.example",
                }
            ]
        },
    )

    code: Code
    name: Texts
    group: ActorGroup
    areas: list[Code] = Field(default_factory=list, max_length=20, description="What is asked of them.")
    support_level: Annotated[int, Field(strict=True, ge=1, le=2, json_schema_extra={"format": "int32"})] | None = Field(
        default=None, description="1: local; 2: remote, the second level. Only of client_support."
    )
    person: Name | None = None
    email: Email | None = None

    @model_validator(mode="after")
    def _only_support_has_levels(self) -> Self:
        if (self.support_level is not None) != (self.group == "client_support"):
            raise ValueError("exactly the actors of client_support have a support_level")
        return self


class Route(BaseModel):
    """Who is asked, one after the other, about an area."""

    area: str
    actors: list[Actor] = Field(max_length=100, description="In the order in which they are asked.")


def route(actors: list[Actor], area: str) -> Route:
    """The support actors who know the area, the local level first; nobody local: the remote second level."""
    support = sorted((actor for actor in actors if actor.support_level), key=lambda actor: actor.support_level or 0)
    local = [actor for actor in support if actor.support_level == 1 and area in actor.areas]
    return Route(area=area, actors=[*local, *(actor for actor in support if actor.support_level == 2)])
