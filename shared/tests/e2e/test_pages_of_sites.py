"""Two sites and three status pages through the running product: one site breaks, the page of the other has no news."""

import re
from email.message import EmailMessage

import httpx

from shared.testing.running_stack import RunningStack
from shared.testing.small_site import SmallSite

from .thread_client import FAST_MONITORING, ThreadClient, eventually

ENGLISH = {"accept": "text/html", "accept-language": "en"}


def test_visitors_of_a_site_that_is_well_are_told_nothing_of_the_one_that_is_down(
    running_stack: RunningStack, thread: ThreadClient, small_site: SmallSite
) -> None:
    everything, shop, booking = "two-sites", "two-sites-shop", "two-sites-booking"
    contract = thread.activate_contract(
        thread.create_client("Maison Duval"),
        [("shop.duval.example", small_site.url("/shop")), ("booking.duval.example", small_site.url("/booking"))],
        monitoring=FAST_MONITORING,
        slug=everything,
        site_slugs=[shop, booking],
    )
    thread.wait_for_monitors(contract, "up")
    with httpx.Client(base_url=running_stack.reporting_url, trust_env=False, timeout=30) as visitor:

        def mails_to(slug: str) -> list[EmailMessage]:
            address = f"reader-of-{slug}@example.org"
            return [mail for mail in running_stack.mailbox.messages if address in str(mail["To"])]

        def shown(slug: str) -> dict[str, str] | None:
            answer = visitor.get(f"/status/{slug}.json")
            if answer.is_error:
                return None
            return {each["name"]: each["state"] for each in answer.json()["components"]}

        def subscribed(slug: str) -> None:
            visitor.post(f"/status/{slug}/subscribe", data={"email": f"reader-of-{slug}@example.org"}, headers=ENGLISH)
            (asked,) = eventually(lambda: mails_to(slug) or None, 30, f"the mail that lets a reader of {slug} confirm")
            found = re.search(rf"/status/{slug}/subscription/[^\s?]+", str(asked.get_content()))
            assert found is not None
            assert visitor.post(f"{found[0]}/confirm", headers=ENGLISH).status_code == 200

        def told(count: int) -> bool | None:
            return all(len(mails_to(slug)) == count for slug in (everything, shop)) or None

        for slug in (everything, shop, booking):
            eventually(lambda slug=slug: shown(slug), 30, f"the page {slug} is there")  # type: ignore[misc]
            subscribed(slug)

        small_site.break_page("/shop")
        down = {"shop.duval.example": "down"}
        eventually(lambda: shown(shop) == down or None, 30, "the page of the shop says that it is down")
        assert shown(everything) == {**down, "booking.duval.example": "up"}
        assert shown(booking) == {"booking.duval.example": "up"}
        for path in ("feed.json", "feed.atom", "api/v2/summary.json"):
            assert "shop.duval.example" in visitor.get(f"/status/{shop}/{path}").text
            assert "shop.duval.example" not in visitor.get(f"/status/{booking}/{path}").text
        summary = visitor.get(f"/status/{booking}/api/v2/summary.json").json()
        assert (summary["status"]["indicator"], summary["incidents"]) == ("none", [])
        eventually(lambda: told(2), 30, "readers of the shop and of everything are mailed that the shop is down")

        small_site.mend_page("/shop")
        eventually(lambda: told(3), 30, "they are mailed that it is up again")
        assert len(mails_to(booking)) == 1, "a reader of the page of the other site was asked to confirm, and no more"
