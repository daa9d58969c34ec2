"""People and schedules of an agency for tests, made over the API, and the jobs that look after them."""

from datetime import datetime, timedelta
from typing import Any

from incidents.adapters.defaults import default_recipients, incidents_settings
from incidents.jobs.cover import AgencyMail, CoverAhead
from incidents.jobs.escalations import DueEscalations

from .conftest import Agreement, Desk


class Roster:
    """An agency's people, schedules and policies."""

    def __init__(self, desk: Desk, agreement: Agreement) -> None:
        self.desk = desk
        self.agreement = agreement
        settings = incidents_settings(desk.runtime.settings)
        recipients = default_recipients(settings)
        self.escalations = DueEscalations(desk.runtime.units, desk.clock, recipients)
        self.cover_ahead = CoverAhead(desk.runtime.units, timedelta(days=14), recipients)
        self.agency_mail = AgencyMail(desk.runtime.units, settings)

    async def made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self.desk.client(self.agreement) as client:
            answer = await client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def read(self, path: str) -> Any:
        async with self.desk.client(self.agreement) as client:
            answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self.desk.client(self.agreement) as client:
            answer = await client.put(path, json=body, headers={"If-Match": "*"})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def person(self, name: str, **changes: Any) -> str:
        body = {"name": name, "email": f"{name.lower()}@agency.example", "time_zone": "Europe/Paris"} | changes
        return str((await self.made("/v1/people", body))["person_id"])

    async def schedule(self, *person_ids: str, **changes: Any) -> str:
        return str((await self.made("/v1/on-call/schedules", a_schedule(*person_ids, **changes)))["schedule_id"])

    async def policy(self, *levels: dict[str, Any], **changes: Any) -> str:
        body = {"name": "Reaction", "levels": list(levels)} | changes
        return str((await self.made("/v1/escalation-policies", body))["policy_id"])

    async def quiet(self, person_id: str, start: str, end: str, *breaks_through: str) -> None:
        days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        window = {"days": days, "from": start, "to": end}
        hours = {"time_zone": "Europe/Paris", "weekly": [window]}
        await self.put(f"/v1/people/{person_id}/quiet-hours", {"hours": hours, "breaks_through": list(breaks_through)})

    async def escalation(self) -> dict[str, Any]:
        incident = await self.desk.only_incident(self.agreement)
        return dict(await self.read(f"/v1/items/{incident['incident_id']}/escalation"))

    async def fired(self) -> list[tuple[int, str, str, list[str]]]:
        """Level, when it was due and what came of it, and who was asked, of every level that has fired."""
        return [
            (level["level"], level["due_at"][11:], level["outcome"], [each["name"] for each in level["told"]])
            for level in (await self.escalation())["levels"]
            if level["fired_at"] is not None
        ]

    async def look_at(self, instant: datetime) -> None:
        self.desk.clock.set(instant)
        await self.desk.due_clocks.run()
        await self.escalations.run()

    async def timeline(self, kind: str) -> list[dict[str, Any]]:
        incident = await self.desk.only_incident(self.agreement)
        entries = (await self.read(f"/v1/incidents/{incident['incident_id']}/timeline"))["data"]
        return [entry for entry in entries if entry["kind"] == kind]


def a_schedule(*person_ids: str, **changes: Any) -> dict[str, Any]:
    rotation = {
        "person_ids": list(person_ids),
        "every": 1,
        "unit": "weeks",
        "starts_on": "2026-06-01",
        "hand_over_at": "09:00",
        "time_zone": "Europe/Paris",
    }
    return {"name": "Operations", "layers": [{"name": "Week", "rotation": rotation}]} | changes
