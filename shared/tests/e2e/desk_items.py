"""Items of the service desk in the state in which something succeeds once, for tests that try it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .thread_client import ThreadClient

Request = tuple[Mapping[str, str], Any]

DECIDED = frozenset(
    {"approve_change", "decline_change", "accept_change", "reject_change", "rank_item", "approve_work_order"}
)
"""Operations that only a client's decider is allowed."""

QUESTION = {"form": "assistance", "title": "How do I add a page?", "topic": "Editing pages"}
FEATURE = {"form": "feature", "title": "Export orders", "need": "We type them.", "benefit": "A day.", "who": "Accounts"}
WORK = {"title": "Look at the backups", "work": "check"}
RULE = {"recurrence": "FREQ=DAILY", "first_on": "2099-01-01", "non_working_day": "skip"}
WHY = {"reason": "Because of the fair."}

COURSE = ("scope", "estimate", "approve", "deploy", "finish-deployment", "accept")
"""The steps of a change, in order."""


def window() -> dict[str, str]:
    """The two days around now."""
    now = datetime.now(UTC)
    return {
        "from": f"{now - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "to": f"{now + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
    }


def step(name: str) -> dict[str, Any] | None:
    """What a step of a change says."""
    said: dict[str, dict[str, Any]] = {
        "scope": {"scope": "PHP 8.5 on both servers."},
        "estimate": {"minutes": 60, "window": window()},
        "deploy": {"version": "4.3.0"},
    }
    return said.get(name)


class DeskItems:
    """Makes items under new contracts of an agency."""

    def __init__(self, thread: ThreadClient, report: Callable[[], dict[str, Any]]) -> None:
        self._thread = thread
        self._report = report
        self.decider = ""
        """Token of the decider of the client whose item was made last."""

    def requests(self) -> dict[str, Callable[[], Request]]:
        """Operation id to what makes its request."""
        made: dict[str, Callable[[], Request]] = {
            "open_request": lambda: ({}, self._under() | QUESTION),
            "acknowledge_request": lambda: self._request(None),
            "resolve_request": lambda: self._request(None),
            "decline_request": lambda: self._request(WHY),
            "close_request": lambda: self._request(None, "resolve"),
            "size_request": lambda: self._request({"minutes": 30}, form=FEATURE),
            "draft_change": lambda: ({}, self._under() | {"title": "Move to PHP 8.5"}),
            "decline_change": lambda: self._change(2, WHY),
            "reject_change": lambda: self._change(5, WHY),
            "cancel_change": lambda: self._change(0, WHY),
            "close_change": lambda: self._change(6, None),
            "plan_work_order": lambda: ({}, self._under() | WORK | {"planned_on": "2026-06-15"}),
            "approve_work_order": lambda: self._work_order({"approved_freezes": []}, work="update"),
            "start_work_order": lambda: self._work_order(None),
            "complete_work_order": lambda: self._work_order({"proof": "Restored one.", "done": []}, "start"),
            "cancel_work_order": lambda: self._work_order(WHY),
            "schedule_work": lambda: ({}, self._under() | WORK | RULE),
            "stop_work_order_schedule": self._schedule,
            "pause_item": lambda: self._item({"reason": "waiting_for_client", "evidence": {"asked": "Which page?"}}),
            "resume_item": self._pause,
            "reply_to_item": lambda: self._item({"note": "Which browser do you use?"}),
            "rank_item": lambda: self._item({"rank": 1} | WHY),
            "classify_item": lambda: self._item({"severity": "minor"} | WHY),
            "judge_scope": lambda: self._item({"verdict": "in_scope"} | WHY),
            "assign_item": lambda: self._item({"user_id": None}),
            "hand_over_item": lambda: self._item(
                {"to_level": 2} | dict.fromkeys(("configuration", "traces", "logs", "tests"), "Attached.")
            ),
            "link_item": lambda: self._item({"kind": "r_and_d", "target": "RD-12"}),
            "merge_item": self._merge,
            "reopen_item": lambda: self._item(WHY, "resolve"),
        }
        for number, name in enumerate(COURSE):
            operation_id = "finish_deployment" if name == "finish-deployment" else f"{name}_change"
            made[operation_id] = lambda number=number, name=name: self._change(number, step(name))  # type: ignore[misc]
        return made

    def _post(self, path: str, body: Any = None) -> Any:
        return self._thread.post("incidents", path, body)

    def _under(self) -> dict[str, str]:
        contract_id = str(self._report()["contract_id"])
        self.decider = self._thread.decider_of(str(self._thread.contract(contract_id)["client_id"]))
        return {"contract_id": contract_id}

    def _request(self, body: Any, *acts: str, form: Mapping[str, str] = QUESTION) -> Request:
        request_id = str(self._post("/v1/requests", self._under() | dict(form))["item_id"])
        for act in acts:
            self._post(f"/v1/requests/{request_id}/{act}")
        return {"request_id": request_id}, body

    def _change(self, steps: int, body: Any) -> Request:
        """A change on which so many steps of its course were done."""
        change_id = str(self._post("/v1/changes", self._under() | {"title": "Move to PHP 8.5"})["item_id"])
        with self._thread.speaking_as(self.decider) as decider:
            for name in COURSE[:steps]:
                whose = decider if name in ("approve", "accept") else self._thread
                whose.post("incidents", f"/v1/changes/{change_id}/{name}", step(name))
        return {"change_id": change_id}, body

    def _work_order(self, body: Any, *acts: str, work: str = "check") -> Request:
        planned = self._post("/v1/work-orders", self._under() | WORK | {"work": work, "planned_on": "2026-06-15"})
        for act in acts:
            self._post(f"/v1/work-orders/{planned['item_id']}/{act}")
        return {"work_order_id": str(planned["item_id"])}, body

    def _schedule(self) -> Request:
        schedule = self._post("/v1/work-order-schedules", self._under() | WORK | RULE)
        return {"work_order_schedule_id": str(schedule["work_order_schedule_id"])}, None

    def _item(self, body: Any, *acts: str) -> Request:
        reported = self._under() | {"title": "Checkout shows an error", "severity": "major"}
        incident_id = str(self._post("/v1/incidents", reported)["incident_id"])
        for act in acts:
            self._post(f"/v1/incidents/{incident_id}/{act}")
        return {"item_id": incident_id}, body

    def _pause(self) -> Request:
        of_item, waiting = self._item({"reason": "waiting_for_client", "evidence": {"asked": "Which page?"}})
        path = f"/v1/items/{of_item['item_id']}/pauses"
        self._post(path, waiting)
        (pause,) = self._thread.get("incidents", path)["data"]
        return {**of_item, "pause_id": str(pause["pause_id"])}, {"answer": {"said": "The first one."}}

    def _merge(self) -> Request:
        reported = self._report()
        one, other = (str(self._post("/v1/incidents", reported)["incident_id"]) for _ in range(2))
        return {"item_id": one}, {"into_id": other}
