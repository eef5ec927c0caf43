"""The ledger's moves, shortened for tests: two attempts, five people, and what a worker would call."""

import uuid

from newsletter import ledger
from newsletter.models import Delivery, Issue

State = Delivery.State
A, B = uuid.UUID(int=1), uuid.UUID(int=2)


def rows(issue: Issue) -> list[Delivery]:
    return list(Delivery.objects.filter(issue=issue).order_by("pk"))


def claim(issue: Issue, attempt: uuid.UUID = A, limit: int = 10) -> list[ledger.Claimed]:
    return ledger.claim(issue=issue.pk, attempt=attempt, limit=limit)


def mark(issue: Issue, attempt: uuid.UUID = A, limit: int = 10) -> ledger.Marked:
    return ledger.mark_sending(issue=issue.pk, attempt=attempt, rows=claim(issue, attempt, limit))


def finish(marked: ledger.Marked, attempt: uuid.UUID = A, state: str = State.SENT, **more: object) -> int:
    return ledger.finish(attempt=attempt, state=state, rows=[(row.delivery, "id") for row in marked.ready], **more)
