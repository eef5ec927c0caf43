"""Workers with different mail providers share one issue: nobody twice, and each delivery knows whose it was."""

from collections.abc import Iterator

import psycopg
import pytest

from benchmarks.simulators.control import SmtpSimulator
from tests.services.conftest import Installation

MEMBERS = "120"
RATE = "5"  # a second, of both together, so that one does not take everything before the other has begun


@pytest.fixture
def smtp() -> Iterator[SmtpSimulator]:
    with SmtpSimulator() as simulator:
        yield simulator


def test_two_providers_share_an_issue(production_like: Installation, smtp: SmtpSimulator) -> None:
    period = production_like.command("demo", "--members", MEMBERS, "--no-send")["issue"]
    production_like.command("approve_issue", period, "--by", "approver@example.org")
    production_like.environment["SEND_RATE_PER_SECOND"] = RATE
    by_file = production_like.start("send_issue", period, "--wait")
    production_like.environment |= {"EMAIL_PROVIDER": "smtp", "EMAIL_URL": f"smtp://127.0.0.1:{smtp.port}"}
    by_smtp = production_like.start("send_issue", period, "--wait")
    for sender in (by_file, by_smtp):
        assert sender.wait(timeout=180) == 0, sender.communicate()[1]

    certificate = production_like.command("certify_issue", period)
    mailed = {address: times for address, times in smtp.accepted().items() if address.startswith("member")}  # not staff
    files = len(production_like.mails())
    assert set(mailed.values()) == {1}
    assert files > 0
    assert files + len(mailed) == certificate["sent"]
    with psycopg.connect(production_like.environment["DATABASE_URL"]) as connection:
        rows = connection.execute(
            "SELECT provider, count(*) FROM newsletter_delivery WHERE state = 'sent' GROUP BY provider"
        ).fetchall()
    assert dict(rows) == {"file": files, "smtp": len(mailed)}
