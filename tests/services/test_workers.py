"""The same month on PostgreSQL with Redis and two Celery worker processes gives the same deliveries."""

import sys
import time
from email import message_from_bytes, policy

from tests.services.conftest import Installation

MEMBERS = "120"


def contents(installation: Installation) -> dict[str, tuple[str, ...]]:
    """Who got what: address -> the headlines' addresses, in order."""
    found: dict[str, tuple[str, ...]] = {}
    for raw in installation.mails().values():
        message = message_from_bytes(raw, policy=policy.default)
        text = message.get_body(("plain",)).get_content()
        assert message["To"] not in found, "somebody was mailed twice"
        found[message["To"]] = tuple(line for line in text.splitlines() if "/directory/" in line)
    return found


def test_workers_send_what_the_embedded_run_sends(embedded: Installation, production_like: Installation) -> None:
    expected = embedded.command("demo", "--members", MEMBERS)

    drafted = production_like.command("demo", "--members", MEMBERS, "--no-send")
    period = drafted["issue"]
    production_like.command("approve_issue", period, "--by", "approver@example.org")
    workers = [
        production_like.process(
            [
                sys.executable,
                "-m",
                "celery",
                "-A",
                "config",
                "worker",
                "--concurrency",
                "1",
                "--loglevel",
                "warning",
                "-n",
                name,
            ]
        )
        for name in ("one@test", "two@test")
    ]
    try:
        production_like.command("send_issue", period)
        deadline = time.monotonic() + 90
        while True:
            certificate = production_like.command("certify_issue", period)
            if not any(certificate[state] for state in ("pending", "claimed", "sending", "retry_wait")):
                break
            assert time.monotonic() < deadline, certificate
            time.sleep(1)
    finally:
        for running in workers:
            running.terminate()
        for running in workers:
            running.communicate(timeout=30)

    states = ("frozen", "sent", "skipped", "failed", "unknown", "skipped_because")
    assert {key: certificate[key] for key in states} == {key: expected[key] for key in states}
    assert contents(production_like) == contents(embedded)
