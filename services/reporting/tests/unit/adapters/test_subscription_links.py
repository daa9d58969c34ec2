"""Links that confirm and end subscriptions: made here, and good for as long as mails lie in mailboxes."""

from pydantic import SecretStr

from reporting.adapters.secret_box import SecretBox
from reporting.adapters.status_subscriptions import link_token, read_link_token
from shared.ids import new_id

OLD, NEW = SecretStr("a" * 32), SecretStr("b" * 32)


def test_a_link_still_ends_its_subscription_after_a_change_of_the_key() -> None:
    subscription_id = new_id()
    token = link_token(SecretBox(OLD), subscription_id)
    assert len(token) == 43
    assert read_link_token(SecretBox(NEW, OLD), token) == subscription_id
    assert read_link_token(SecretBox(NEW), token) is None


def test_a_link_with_another_subscription_or_signature_is_nobodys() -> None:
    box = SecretBox(NEW)
    one, other = link_token(box, new_id()), link_token(box, new_id())
    assert read_link_token(box, one[:22] + other[22:]) is None
    assert read_link_token(box, one[:21] + "A" * 22) is None
    assert read_link_token(box, one[:20]) is None
