"""The comparisons of `make bench`: our sending beside the standard library's, one worker beside two, batches beside
single calls. Each is measured in turn on the same machine in the same run."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.children import Child
from benchmarks.pairs import Comparison, compare, comparison
from benchmarks.simulators.control import HttpSimulator

LATENCY = 0.1  # seconds that the simulated provider takes over each call
SINGLES, BATCHED, POOLED = 150, 1500, 250  # messages of one measurement over HTTP
BUILT, MERGED = 60, 6000  # messages of one measurement of making them


def rewind(issue: Any) -> None:
    """Put the ledger back to where it was after the freeze, and tidy up, so that each run begins alike."""
    from django.db import connection

    from newsletter.models import CertificateRecord, Delivery, Mailing

    Delivery.objects.filter(issue=issue).update(
        state="pending", attempt=None, lease_until=None, token_hash=None, attempts=0, reason="", message_id=""
    )
    CertificateRecord.objects.filter(issue=issue).delete()
    Mailing.objects.filter(issue=issue).update(state=Mailing.State.SENDING, finished_at=None)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE newsletter_delivery")


def prepared_messages(issue: Any, number: int) -> list[bytes]:
    """The bytes of real messages of this issue, as the ledger would have them sent."""
    return [message.as_bytes() for message in messages(issue, number)]


def messages(issue: Any, number: int) -> Iterator[Any]:
    """Messages for the first members of the ledger."""
    from newsletter.models import Delivery
    from newsletter.skeletons import Variant, Workshop

    workshop = Workshop(issue)
    rows = Delivery.objects.filter(issue=issue, state="pending").select_related("member__user").order_by("pk")
    for row in rows[:number]:
        skeleton = workshop.skeleton(row.edition_id, Variant())
        user = row.member.user
        yield skeleton.message(delivery=row.pk, address=user.email, first_name=user.first_name, token="x" * 24)


def sending(issue: Any, ports: tuple[int, int], folder: Path, *, pairs: int) -> list[Comparison]:
    """Our whole send, by one worker and by two, beside smtplib with prepared messages.

    Two workers have a sink each, because one alone would be what limits them; what they do with one is told as well.
    """
    number = issue.mailing.frozen
    prepared = folder / "messages.hex"
    prepared.write_text("\n".join(content.hex() for content in prepared_messages(issue, 200)))
    rates: list[tuple[float, float]] = []
    cpus: list[tuple[float, float]] = []
    doubled: list[tuple[float, float]] = []
    shared: list[tuple[float, float]] = []
    with ExitStack() as stack:
        plain = stack.enter_context(Child("smtplib", str(ports[0]), str(prepared)))
        one, other, neighbour = (
            stack.enter_context(Child("sender", EMAIL_URL=f"smtp://127.0.0.1:{port}"))
            for port in (ports[0], ports[1], ports[0])
        )
        for _ in range(pairs):
            ours = _send(issue, [one])
            plain.ask(number=number // 2)
            theirs = plain.answer()
            both, together = _send(issue, [one, other]), _send(issue, [one, neighbour])
            rates.append((ours["rate"], theirs["finished"] / theirs["seconds"]))
            cpus.append((theirs["cpu"] / theirs["finished"] * 1e6, ours["cpu"] / number * 1e6))
            doubled.append((both["rate"], ours["rate"]))
            shared.append((together["rate"], ours["rate"]))
    return [
        comparison("Our whole send ÷ smtplib with prepared messages", "messages/s", rates, wanted=1.8),
        comparison("Two workers ÷ one, a sink each", "messages/s", doubled, wanted=1.4),
        comparison("Two workers ÷ one, one sink for both (its limit)", "messages/s", shared, wanted=1.0),
        comparison("CPU of smtplib ÷ CPU of our whole send", "µs/message", cpus, wanted=3.0),
    ]


def _send(issue: Any, workers: list[Child]) -> dict[str, float]:
    """Send the issue from its beginning with these workers at once."""
    rewind(issue)
    began = time.perf_counter()
    for worker in workers:
        worker.ask(issue=issue.period)
    answers = [worker.answer() for worker in workers]
    seconds = time.perf_counter() - began
    finished = sum(answer["finished"] for answer in answers)
    if finished != issue.mailing.frozen:
        raise RuntimeError(f"only {finished} of {issue.mailing.frozen} were sent: {answers}")
    return {"rate": finished / seconds, "cpu": sum(answer["cpu"] for answer in answers)}


def merging(issue: Any, *, pairs: int) -> Comparison:
    """Building a message with Django beside joining a prepared one."""
    from django.core.mail import EmailMultiAlternatives

    few = list(messages(issue, 50))
    edition = issue.editions.first()

    def build() -> float:
        began = time.perf_counter()
        for place in range(BUILT):
            person = few[place % len(few)]
            mail = EmailMultiAlternatives(edition.subject, edition.text, person.sender, [person.recipient])
            mail.attach_alternative(edition.html, "text/html")
            mail.message().as_bytes(linesep="\r\n")
        return (time.perf_counter() - began) / BUILT * 1e6

    def merge() -> float:
        began = time.perf_counter()
        for place in range(MERGED):
            few[place % len(few)].as_bytes()
        return (time.perf_counter() - began) / MERGED * 1e6

    return compare("Building a message ÷ joining a prepared one", "µs/message", build, merge, wanted=60, pairs=pairs)


def calling(issue: Any, *, pairs: int) -> list[Comparison]:
    """A provider's interface: batches beside one call per person, and many calls at once under latency."""
    from newsletter.providers import provider
    from newsletter.transports.anymail import AnymailTransport
    from newsletter.transports.pool import Pool

    mailgun = provider("mailgun")
    single = replace(mailgun, merge=None)
    with _mailgun("") as _:
        batches, singles = AnymailTransport(mailgun), AnymailTransport(single)
        many, few = list(messages(issue, BATCHED)), list(messages(issue, SINGLES))
        batched = compare(
            "Batches of 50 ÷ one call per person, Mailgun",
            "messages/s",
            _rate(batches, many),
            _rate(singles, few),
            wanted=15,
            pairs=pairs,
        )
    with _mailgun(f"slow=1:{LATENCY}") as _:
        pool = Pool(lambda: AnymailTransport(single), size=_calls())
        rate = _rate(pool, few + few)
        at_latency = [(rate(), 1.0) for _ in range(3)]
        pool.close()
    name = f"One call per person at {LATENCY * 1000:.0f} ms latency, {_calls()} calls at once"
    return [batched, comparison(name, "messages/s", at_latency, wanted=100)]


def _calls() -> int:
    from django.conf import settings

    return int(settings.SEND_CALLS)


def _rate(transport: Any, outgoing: list[Any]) -> Callable[[], float]:
    """Hand these messages over in groups of 50, as the ledger does; messages a second."""

    def measure() -> float:
        began = time.perf_counter()
        for start in range(0, len(outgoing), 50):
            group = outgoing[start : start + 50]
            sent = [one for one in transport.send(iter(group)) if one.result == "sent"]
            if len(sent) != len(group):
                raise RuntimeError(f"the simulator took only {len(sent)} of {len(group)}")
        return len(outgoing) / (time.perf_counter() - began)

    return measure


@contextmanager
def _mailgun(misbehave: str) -> Iterator[HttpSimulator]:
    from django.test import override_settings

    with HttpSimulator(misbehave=misbehave) as simulator:
        anymail = {"MAILGUN_API_KEY": "simulated", "MAILGUN_API_URL": f"http://127.0.0.1:{simulator.port}/v3"}
        with override_settings(ANYMAIL=anymail):
            yield simulator
