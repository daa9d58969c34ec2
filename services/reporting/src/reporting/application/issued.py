"""Everything that is told in editions, and so can be mailed, opened and read again."""

from typing import TypeAlias

from reporting.application.editions import IssuedEdition
from reporting.application.review_editions import IssuedReview
from reporting.application.scheduled_reports import IssuedHours
from reporting.application.sent_messages import IssuedMessage

AnyIssued: TypeAlias = IssuedEdition | IssuedReview | IssuedHours | IssuedMessage
