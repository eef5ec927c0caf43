"""What makes a drain stop, slow down or come back to something: each leaves everybody in a named state."""

import os
import signal
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from membership.models import Suppression, User
from newsletter import draining, flow, ledger, stopping
from newsletter.models import Delivery, Mailing, Prepared, Throttle
from newsletter.recovery import recover
from newsletter.sending import drain
from newsletter.skeletons import Variant, Workshop
from newsletter.transports.base import Outcome, Result
from tests import factories
from tests.newsletter import fakes
from tests.newsletter.fakes import RecordingTransport, accept, always, never_twice, set_mailing

State = Delivery.State
THEN = timedelta(minutes=5)


def throttled(message):
    return Outcome(message.delivery, Result.RETRY, "http-429", retry_after=300, throttled=True)


class TestCircuitBreaker:
    def test_doubt_after_doubt_pauses_the_mailing_and_tells_somebody(self, crowd, mailoutbox):
        editor = User.objects.create_superuser("editor@example.org")
        sent = drain(crowd, transport=RecordingTransport(always(Result.UNKNOWN)))
        states = factories.states(crowd)
        assert states["unknown"] == flow.MOST_UNKNOWN
        assert states["pending"] == 120 - flow.MOST_UNKNOWN
        mailing = Mailing.objects.get(issue=crowd)
        assert mailing.state == Mailing.State.PAUSED
        assert sent.trouble in mailing.held_because
        assert editor.email in {message.to[0] for message in mailoutbox}

    def test_being_out_of_reach_five_times_pauses_the_mailing(self, crowd):
        for time in range(5):
            assert Mailing.objects.get(issue=crowd).state == Mailing.State.SENDING, time
            drain(crowd, transport=RecordingTransport(down="no route"))
            Throttle.objects.update(hold_until=0)  # as if the time to keep away from it were over
        assert Mailing.objects.get(issue=crowd).state == Mailing.State.PAUSED
        assert factories.states(crowd) == {"pending": 120}

    def test_a_worker_keeps_away_from_a_provider_that_was_out_of_reach_and_an_operator_does_not(self, crowd):
        drain(crowd, transport=RecordingTransport(down="no route"))
        worker, operator = RecordingTransport(), RecordingTransport()
        kept_away = drain(crowd, transport=worker, patient=True)
        assert (kept_away.finished, worker.calls) == (0, [])
        assert "out of reach" in kept_away.trouble
        assert drain(crowd, transport=operator).finished == 120

    def test_a_message_altered_since_it_was_prepared_is_sent_to_nobody(self, crowd):
        Workshop(crowd).skeleton(Delivery.objects.first().edition_id, Variant())
        Prepared.objects.update(content=b"something else")
        transport = RecordingTransport()
        assert "do not send it" in drain(crowd, transport=transport).trouble
        assert transport.taken == []
        assert Mailing.objects.get(issue=crowd).state == Mailing.State.PAUSED


class TestSlowingDown:
    def test_being_asked_for_less_stops_at_once_and_is_nobodys_attempt(self, crowd):
        transport = RecordingTransport(fakes.after(10, throttled))
        sent = drain(crowd, transport=transport)
        assert factories.states(crowd) == {"sent": 10, "retry_wait": 1, "pending": 109}
        waiting = Delivery.objects.get(state=State.RETRY_WAIT)
        assert waiting.attempts == 0
        assert (waiting.next_attempt_at - timezone.now()).total_seconds() > 280
        assert "asked for less" in sent.trouble

    def test_other_workers_hear_of_it(self, crowd):
        drain(crowd, transport=RecordingTransport(throttled))
        other = RecordingTransport()
        assert "asked for less" in drain(crowd, transport=other).trouble
        assert other.calls == []

    def test_the_days_limit_is_kept(self, crowd, settings):
        settings.SEND_PER_DAY = 30
        sent = drain(crowd, transport=RecordingTransport())
        assert factories.states(crowd) == {"sent": 30, "pending": 90}
        assert sent.trouble == flow.DAY_USED_UP.format(30)

    def test_a_limited_domain_waits_for_its_turn(self, crowd, settings):
        settings.SEND_DOMAIN_RATES = "example.org=4"
        drain(crowd, transport=RecordingTransport(), seconds=1)
        states = factories.states(crowd)
        assert states["sent"] <= 4 * flow.SOON + 4
        assert set(states) <= {"sent", "retry_wait", "pending"}
        put_off = Delivery.objects.filter(state=State.RETRY_WAIT)
        assert put_off.exists()
        assert set(put_off.values_list("reason", "attempts")) == {(ledger.PACED, 0)}


class TestStopping:
    def test_what_is_begun_is_recorded_and_the_rest_goes_back(self, crowd, monkeypatch):
        transport = RecordingTransport()
        monkeypatch.setattr(stopping, "asked", lambda: len(transport.taken) >= 7)
        sent = drain(crowd, transport=transport)
        assert (sent.finished, sent.left, sent.trouble) == (7, True, "")
        assert factories.states(crowd) == {"sent": 7, "pending": 113}

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_waits_until_the_work_has_stopped(self, crowd, number):
        heard = []
        before = signal.signal(number, lambda number, frame: heard.append(factories.states(crowd)))

        def stopped(message):
            if len(transport.taken) == 3:
                os.kill(os.getpid(), number)
            return accept(message)

        transport = RecordingTransport(stopped)
        try:
            assert drain(crowd, transport=transport).finished == 4
        finally:
            signal.signal(number, before)
        assert heard == [{"sent": 4, "pending": 116}]

    def test_pausing_acts_within_a_second_of_work(self, crowd, monkeypatch):
        clock = SimpleNamespace(now=0.0)
        monkeypatch.setattr(draining, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=lambda seconds: None))

        def slow(message):
            clock.now += 0.4
            if len(transport.taken) == 2:
                set_mailing(crowd, Mailing.State.PAUSED)
            return accept(message)

        transport = RecordingTransport(slow)
        drain(crowd, transport=transport)
        assert 3 <= len(transport.taken) <= 6
        assert factories.states(crowd) == {"sent": len(transport.taken), "pending": 120 - len(transport.taken)}


class TestRepeatingUnderTheKey:
    """Resend remembers keys for a day (newsletter/providers.py)."""

    def in_doubt(self, crowd, *, provider="resend", handed=THEN) -> list[int]:
        """Three deliveries of which nobody knows what became, all others done."""
        drain(crowd, transport=RecordingTransport(name="resend"))
        pks = list(Delivery.objects.order_by("pk").values_list("pk", flat=True)[:3])
        now = timezone.now()
        Delivery.objects.filter(pk__in=pks).update(
            state=State.UNKNOWN,
            reason="no-reply-in-time",
            message_id="",
            provider=provider,
            handed_at=now - handed,
            finished_at=now - timedelta(minutes=2),
        )
        return pks

    def test_an_acceptance_settles_it(self, crowd, settings):
        settings.EMAIL_PROVIDER = "resend"
        pks = self.in_doubt(crowd)
        handed = Delivery.objects.get(pk=pks[0]).handed_at
        assert recover().reopened == 1
        transport = RecordingTransport(name="resend")
        drain(crowd, transport=transport)
        assert sorted(message.delivery for message in transport.taken) == pks
        assert factories.states(crowd) == {"sent": 120}
        first = Delivery.objects.get(pk=pks[0])
        assert first.reason.startswith(ledger.SETTLED)
        assert first.handed_at == handed  # the key's time runs from the first hand-over
        assert Mailing.objects.get(issue=crowd).state == Mailing.State.FINISHED

    @pytest.mark.parametrize("result", [Result.FAILED, Result.RETRY, Result.UNKNOWN])
    def test_any_other_answer_speaks_of_the_repeat_only(self, crowd, settings, result):
        settings.EMAIL_PROVIDER = "resend"
        self.in_doubt(crowd)
        recover()
        transport = RecordingTransport(always(result), name="resend")
        drain(crowd, transport=transport)
        assert len(transport.calls) == 1
        assert factories.states(crowd) == {"sent": 117, "unknown": 3}

    def test_being_out_of_reach_leaves_them_unknown(self, crowd, settings):
        settings.EMAIL_PROVIDER = "resend"
        self.in_doubt(crowd)
        recover()
        drain(crowd, transport=RecordingTransport(down="no route", name="resend"))
        assert factories.states(crowd) == {"sent": 117, "unknown": 3}

    @pytest.mark.parametrize(
        "circumstances",
        [{"provider": "mailgun"}, {"provider": ""}, {"handed": timedelta(hours=22)}],
        ids=["another provider", "no provider", "key nearly forgotten"],
    )
    def test_nothing_is_repeated_that_might_be_sent_twice(self, crowd, settings, circumstances):
        settings.EMAIL_PROVIDER = "resend"
        self.in_doubt(crowd, **circumstances)
        assert recover().reopened == 0
        set_mailing(crowd, Mailing.State.SENDING)
        transport = RecordingTransport(name="resend")
        drain(crowd, transport=transport)
        assert transport.taken == []
        assert factories.states(crowd) == {"sent": 117, "unknown": 3}

    def test_the_sweep_opens_the_mailing_once_and_leaves_it_to_a_drain(self, crowd, settings):
        settings.EMAIL_PROVIDER = "resend"
        self.in_doubt(crowd)
        assert [recover().reopened for _ in range(3)] == [1, 0, 0]
        assert Mailing.objects.get(issue=crowd).state == Mailing.State.SENDING
        assert crowd.certificates.count() == 1

    def test_nothing_is_opened_for_those_who_may_not_be_mailed(self, crowd, settings):
        settings.EMAIL_PROVIDER = "resend"
        for pk in self.in_doubt(crowd):
            address = Delivery.objects.get(pk=pk).member.user.address_hash
            Suppression.objects.create(address_hash=address, reason=Suppression.Reason.BOUNCED)
        assert recover().reopened == 0
        assert Mailing.objects.get(issue=crowd).state == Mailing.State.FINISHED

    def test_who_has_left_meanwhile_is_not_mailed_again(self, crowd, settings):
        settings.EMAIL_PROVIDER = "resend"
        pks = self.in_doubt(crowd)
        fakes.erase(Delivery.objects.get(pk=pks[0]).member.subscription)
        recover()
        transport = RecordingTransport(name="resend")
        drain(crowd, transport=transport)
        assert sorted(message.delivery for message in transport.taken) == pks[1:]
        assert factories.states(crowd) == {"sent": 119, "unknown": 1}
        assert never_twice(transport)
