"""What happens to cost and memory as the list grows: freeze and send to 10,000, 100,000 and (if asked) 1,000,000."""

import time
from typing import Any

from benchmarks.children import Child
from benchmarks.figures import EDITIONS
from benchmarks.population import populate


def grow(issue: Any, sizes: list[int]) -> list[dict[str, Any]]:
    """Freeze and send the issue to ever more members, with one worker."""
    return [_measured(issue, members) for members in sizes]


def _measured(issue: Any, members: int) -> dict[str, Any]:
    from django.db import connection
    from django.utils import timezone

    from newsletter.certificate import certify
    from newsletter.freezing import freeze
    from newsletter.models import Mailing

    thaw()
    populate(members, audiences=EDITIONS)
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")  # so that what was written for the benchmark itself is not waited for
    began = time.perf_counter()
    frozen = freeze(issue).frozen
    freezing = time.perf_counter() - began
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE newsletter_delivery")
    Mailing.objects.filter(issue=issue).update(state=Mailing.State.SENDING, started_at=timezone.now())
    with Child("sender") as worker:
        worker.ask(issue=issue.period)
        sent = worker.answer()
    certificate = certify(issue)
    marks = list(sent["memory_at"].values()) or [sent["memory"]]
    return {
        "members": frozen,
        "freeze_seconds": round(freezing, 2),
        "freeze_rows_per_second": round(frozen / freezing),
        "send_seconds": round(sent["seconds"], 1),
        "messages_per_second": round(sent["finished"] / sent["seconds"]),
        "microseconds_per_recipient": round(sent["seconds"] / sent["finished"] * 1e6),
        "cpu_microseconds_per_recipient": round(sent["cpu"] / sent["finished"] * 1e6),
        "statements_per_1000": round(sent["statements"] / sent["finished"] * 1000, 1),
        "memory_at_20000_mb": round(marks[0], 1),
        "memory_at_last_mb": round(marks[-1], 1),  # of all, before the certificate
        "memory_at_end_mb": round(sent["memory"], 1),
        "balanced": certificate.balanced,
        "sent": certificate.states["sent"],
    }


def thaw() -> None:
    """Forget the freeze: as if the issue had only been approved."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE newsletter_mailing, newsletter_certificaterecord, newsletter_delivery, newsletter_edition,"
            " newsletter_link CASCADE"
        )
