"""Everything that is told in editions, and so can be mailed, opened and read again."""

from typing import TypeAlias

from reporting.application.editions import Edition, IssuedEdition
from reporting.application.review_editions import IssuedReview, ReviewEdition
from reporting.application.scheduled_reports import IssuedScheduled, ScheduledEdition
from reporting.application.sent_messages import IssuedMessage, MessageEdition

AnyIssued: TypeAlias = IssuedEdition | IssuedReview | IssuedScheduled | IssuedMessage
AnyEdition: TypeAlias = Edition | ReviewEdition | ScheduledEdition | MessageEdition
