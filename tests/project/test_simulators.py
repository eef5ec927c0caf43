"""The simulators themselves: what they count, and that they misbehave as told. Spoken to by the usual clients."""

import contextlib
import json
import smtplib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from django.core.mail import EmailMessage
from django.test import RequestFactory

from benchmarks.simulators.control import HttpSimulator, SmtpSimulator
from benchmarks.simulators.misbehaviour import Misbehaviour
from tests.servers.http import HttpServer, Reply

KEY = "simulated"


@pytest.fixture
def anymail(settings: Any) -> Iterator[Any]:
    """A way to have Anymail send through a simulator: `anymail(simulator, backend name)`."""
    opened = []

    def connect(simulator: HttpSimulator, name: str = "mailgun") -> Any:
        from anymail.backends import mailgun, resend

        backend = {
            "mailgun": lambda: mailgun.EmailBackend(
                api_key="x", api_url=f"http://127.0.0.1:{simulator.port}/v3", requests_timeout=5
            ),
            "resend": lambda: resend.EmailBackend(api_key="x", api_url=f"http://127.0.0.1:{simulator.port}/"),
        }[name]()
        backend.open()
        opened.append(backend)
        return backend

    yield connect
    for backend in opened:
        backend.close()


def mail(*people: str, **more: Any) -> EmailMessage:
    message = EmailMessage("News", "Hello %recipient.name%", "news@example.org", list(people))
    for name, value in more.items():
        setattr(message, name, value)
    return message


def batch(*people: str, merge: bool = True) -> EmailMessage:
    return mail(
        *people,
        merge_data={one: {"name": one} if merge else {} for one in people},
        merge_metadata={one: {"delivery": str(number)} for number, one in enumerate(people)},
        metadata={"issue": "2026-10"},
    )


# --- Faults are drawn from a seed -----------------------------------------------------------------


def test_the_same_seed_draws_the_same_faults() -> None:
    known = {"slow": 0.1, "hang": 5.0, "421": 0.0}
    one, same, other = (Misbehaviour("hang=0.2,421=0.2,slow=0.5", known=known, seed=seed) for seed in (1, 1, 2))
    drawn = [[(faults.draw(), faults.delay()) for _ in range(200)] for faults in (one, same, other)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert {name for name, _ in drawn[0]} == {"", "hang", "421"}


@pytest.mark.parametrize("specification", ["hgan=0.1", "hang", "hang=0.7,421=0.7", "hang=often", "hang=-1"])
def test_a_specification_that_makes_no_sense_is_refused(specification: str) -> None:
    with pytest.raises(ValueError, match=r"misbehaviour|probabilities|convert"):
        Misbehaviour(specification, known={"slow": 0.1, "hang": 5.0, "421": 0.0})


# --- SMTP -----------------------------------------------------------------------------------------


def test_counts_messages_per_recipient() -> None:
    with SmtpSimulator() as simulator, smtplib.SMTP("127.0.0.1", simulator.port) as client:
        for recipient in ("a@example.org", "b@example.org", "a@example.org"):
            client.sendmail("news@example.org", [recipient], b"Subject: x\r\n\r\n.starts with a full stop\r\n" * 2000)
        assert simulator.reached(3, seconds=10)
        assert simulator.accepted() == {"a@example.org": 2, "b@example.org": 1}
        assert {"pipelining", "8bitmime", "smtputf8", "size"} <= set(client.esmtp_features)


def test_takes_commands_and_content_that_come_all_at_once_or_byte_by_byte() -> None:
    talk = (
        b"EHLO here\r\nMAIL FROM:<news@example.org>\r\nRCPT TO:<\xc3\xa5sa@example.org>\r\nDATA\r\n"
        b"Subject: x\r\n\r\nText\r\n.\r\n"
        b"MAIL FROM:<news@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n.\r\nQUIT\r\n"
    )
    with SmtpSimulator() as simulator:
        answers = []
        for chunks in ([talk], [bytes([one]) for one in talk]):
            with socket.create_connection(("127.0.0.1", simulator.port), timeout=10) as client:
                for chunk in chunks:
                    client.sendall(chunk)
                answers.append(client.makefile("rb").read())
        assert simulator.accepted() == {"åsa@example.org": 2, "b@example.org": 2}
        codes = [[line[:3] for line in answer.split(b"\r\n")[6:-1]] for answer in answers]
        assert codes == [[b"250", b"250", b"354", b"250"] * 2 + [b"221"]] * 2


def test_writes_its_report_when_it_is_ended(tmp_path: Path) -> None:
    with (
        SmtpSimulator(more=("--report", str(tmp_path / "report.json"))) as simulator,
        smtplib.SMTP("127.0.0.1", simulator.port) as client,
    ):
        client.sendmail("news@example.org", ["a@example.org"], b"Subject: x\r\n\r\nText\r\n")
    assert json.loads((tmp_path / "report.json").read_text()) == {"a@example.org": 1}


@pytest.mark.parametrize(
    ("fault", "error", "code", "accepted"),
    [
        ("421=1", smtplib.SMTPSenderRefused, 421, 0),
        ("4xx=1", smtplib.SMTPRecipientsRefused, 450, 0),
        ("5xx=1", smtplib.SMTPRecipientsRefused, 550, 0),
        ("hang=1:0.05", smtplib.SMTPServerDisconnected, None, 0),
        ("reset-before=1", (ConnectionResetError, smtplib.SMTPServerDisconnected), None, 0),
        ("reset-after=1", (ConnectionResetError, smtplib.SMTPServerDisconnected), None, 1),
        ("drop-after-data=1", smtplib.SMTPServerDisconnected, None, 1),
        ("no-reply=1:0.05", smtplib.SMTPServerDisconnected, None, 1),
    ],
)
def test_misbehaves_over_smtp(fault: str, error: Any, code: int | None, accepted: int) -> None:
    with SmtpSimulator(misbehave=fault) as simulator:
        client = smtplib.SMTP("127.0.0.1", simulator.port, timeout=10)
        with contextlib.closing(client), pytest.raises(error) as caught:
            client.sendmail("news@example.org", ["a@example.org"], b"Subject: x\r\n\r\nText\r\n")
        if code:
            refused = getattr(caught.value, "recipients", {}).get("a@example.org")
            assert (refused[0] if refused else caught.value.smtp_code) == code
        assert simulator.accepted().total() == accepted


# --- Mailgun and Resend ---------------------------------------------------------------------------


def test_counts_a_mailgun_batch_per_recipient(anymail: Any) -> None:
    with HttpSimulator() as simulator:
        one, many = mail("a@example.org"), batch("a@example.org", "b@example.org", "c@example.org")
        with_file = mail("d@example.org")
        with_file.attach("list.csv", "a,b", "text/csv")  # Anymail then sends multipart/form-data
        anymail(simulator).send_messages([one, many, with_file])
        counts = simulator.counts()
    assert counts["accepted"] == {"a@example.org": 2, "b@example.org": 1, "c@example.org": 1, "d@example.org": 1}
    assert counts["calls"] == 3
    assert one.anymail_status.status == {"queued"}
    assert one.anymail_status.message_id != many.anymail_status.message_id


@pytest.mark.parametrize(
    ("fault", "status", "accepted"),
    [
        ("4xx=1", 400, 0),
        ("429=1", 429, 0),
        ("5xx=1", 503, 0),
        ("5xx-after=1", 500, 1),
        ("rubbish=1", 200, 1),
        ("hang=1:0.05", None, 0),
        ("hang-after=1:0.05", None, 1),
        ("reset-before=1", None, 0),
        ("reset-after=1", None, 1),
        ("drop-reply=1", None, 1),
    ],
)
def test_misbehaves_over_http(fault: str, status: int | None, accepted: int) -> None:
    with HttpSimulator(misbehave=fault) as simulator:
        url, form = f"http://127.0.0.1:{simulator.port}/v3/example.org/messages", {"to": "a@example.org", "text": "x"}
        if status is None:
            with pytest.raises(requests.ConnectionError):
                requests.post(url, form, timeout=5)
        else:
            answer = requests.post(url, form, timeout=5)
            assert answer.status_code == status
            assert ("Retry-After" in answer.headers) == (status == 429)
        assert simulator.accepted().total() == accepted


def test_resend_repeats_its_answer_under_a_known_key_and_sends_nothing_again(anymail: Any) -> None:
    with HttpSimulator() as simulator:
        backend, ids = anymail(simulator, "resend"), []
        backend.session.headers["Idempotency-Key"] = "one"
        for _ in range(2):
            message = mail("a@example.org")
            backend.send_messages([message])
            ids.append(message.anymail_status.message_id)
        with pytest.raises(requests.HTTPError, match="409"):
            backend.send_messages([mail("b@example.org")])
        counts = simulator.counts()
    assert ids[0] == ids[1]
    assert (counts["accepted"], counts["repeats"]) == ({"a@example.org": 1}, 2)


def test_resend_takes_part_of_a_batch_only_when_asked_to(anymail: Any) -> None:
    people = [f"p{number}@example.org" for number in range(20)]
    with HttpSimulator(misbehave="partial=1") as simulator:
        backend = anymail(simulator, "resend")
        with pytest.raises(requests.HTTPError, match="422"):
            backend.send_messages([batch(*people, merge=False)])
        assert not simulator.accepted()
        backend.session.headers["x-batch-validation"] = "permissive"
        message = batch(*people, merge=False)
        backend.send_messages([message])
        answer, accepted = message.anymail_status.esp_response.json(), simulator.accepted()
    refused = {people[error["index"]] for error in answer["errors"]}
    assert set(accepted) == set(people) - refused
    assert len(answer["data"]) == len(accepted)
    assert 0 < len(refused) < len(people)


# --- Events ---------------------------------------------------------------------------------------


def events_after(simulator: HttpSimulator, **how: Any) -> list[Any]:
    """What Anymail makes of the events the simulator posts."""
    with HttpServer(Reply()) as webhook:
        url = webhook.url.replace("//", "//webhook:for-tests@")
        assert simulator.send_events(url, **how) == {"200": len(webhook.requests)}
        view = MailgunTrackingWebhookView(webhook_signing_key=KEY)
        found = []
        for got in webhook.requests:
            headers = {"Authorization": got.headers["Authorization"]}
            request = RequestFactory().post("/", got.body, content_type="application/json", headers=headers)
            view.validate_request(request)
            found += view.parse_events(request)
        return found


def test_events_are_signed_and_bring_our_metadata_back(anymail: Any) -> None:
    with HttpSimulator(more=("--signing-key", KEY)) as simulator:
        message = batch("a@example.org", "b@example.org")
        anymail(simulator).send_messages([message])
        events = events_after(simulator)
    assert sorted((one.event_type, one.recipient, one.metadata["delivery"]) for one in events) == [
        ("delivered", "a@example.org", "0"),
        ("delivered", "b@example.org", "1"),
        ("queued", "a@example.org", "0"),
        ("queued", "b@example.org", "1"),
    ]
    assert {one.message_id for one in events} == {message.anymail_status.message_id}
    assert {one.metadata["issue"] for one in events} == {"2026-10"}


def test_events_may_come_many_times_and_the_wrong_way_round(anymail: Any) -> None:
    with HttpSimulator(more=("--signing-key", KEY)) as simulator:
        anymail(simulator).send_messages([mail("a@example.org")])
        events = events_after(simulator, times=3, reversed=True)
    assert [one.event_type for one in events] == ["delivered"] * 3 + ["queued"] * 3
    assert len({one.event_id for one in events}) == 2


def test_events_may_be_of_the_latest_messages_alone(anymail: Any) -> None:
    """Of those a sender has had no time to record yet."""
    people = [f"p{number}@example.org" for number in range(4)]
    with HttpSimulator(more=("--signing-key", KEY)) as simulator:
        anymail(simulator).send_messages([mail(person) for person in people])
        assert {one.recipient for one in events_after(simulator, most=2)} == set(people[2:])
        assert {one.recipient for one in events_after(simulator, most=9)} == set(people)


@pytest.mark.parametrize(("fault", "told"), [("partial=1", {"queued", "bounced"}), ("reset-before=1", {"rejected"})])
def test_events_tell_of_what_was_not_delivered(fault: str, told: set[str], anymail: Any) -> None:
    people = [f"p{number}@example.org" for number in range(20)]
    with HttpSimulator(misbehave=fault, more=("--signing-key", KEY)) as simulator:
        with contextlib.suppress(requests.ConnectionError):
            anymail(simulator).send_messages([batch(*people)])
        events, counts = events_after(simulator), simulator.counts()
    undelivered = {one.recipient for one in events if one.event_type in {"bounced", "rejected"}}
    assert undelivered == set(counts["refused"])
    assert undelivered.isdisjoint(counts["accepted"])
    assert {one.event_type for one in events if one.recipient in undelivered} == told
