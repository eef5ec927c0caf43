"""Sends that are interrupted: by the transport, by an operator, by a member, or by the death of the process."""

import uuid
from contextlib import suppress
from types import SimpleNamespace

import pytest

from membership import services
from membership.models import ConsentRecord
from newsletter import draining, handover, ledger
from newsletter.certificate import certify
from newsletter.models import Delivery, Mailing
from newsletter.recovery import recover_issue
from newsletter.sending import drain, drain_to_the_end
from newsletter.transports.base import Result, TransportUnavailable
from tests import factories
from tests.newsletter import fakes
from tests.newsletter.fakes import (
    RecordingTransport,
    accept,
    always,
    expire_leases,
    never_twice,
    raising,
    set_mailing,
)

State = Delivery.State


class TestTransportOutOfReach:
    def test_rest_is_pending_and_a_second_drain_finishes(self, crowd):
        first = RecordingTransport(fakes.after(70, raising(TransportUnavailable("no route"))))
        sent = drain(crowd, transport=first)
        assert (sent.finished, sent.left, sent.trouble) == (70, True, "no route")
        assert factories.states(crowd) == {"sent": 70, "pending": 50}
        second = RecordingTransport()
        assert drain(crowd, transport=second).left is False
        assert never_twice(first, second)
        assert factories.states(crowd) == {"sent": 120}

    def test_being_out_of_reach_is_no_attempt(self, crowd, settings):
        """An outage of some minutes must not use up the attempts of whoever stands first in the queue."""
        settings.SEND_MAX_ATTEMPTS = 3
        for _ in range(4):
            drain(crowd, transport=RecordingTransport(down="no route"))
        drain(crowd, transport=RecordingTransport(always(Result.RETRY, "429")))
        assert factories.states(crowd) == {"retry_wait": 120}

    def test_drain_to_the_end_stops_instead_of_turning(self, crowd):
        sent = drain_to_the_end(crowd, transport=RecordingTransport(down="no route"))
        assert (sent.finished, sent.left, sent.trouble) == (0, True, "no route")
        assert factories.states(crowd) == {"pending": 120}


class TestBeingStopped:
    @pytest.mark.parametrize("error", [RuntimeError("bug"), KeyboardInterrupt(), SystemExit(1)])
    def test_what_was_accepted_is_recorded(self, crowd, error):
        first = RecordingTransport(fakes.after(60, raising(error)))
        with pytest.raises(type(error)):
            drain(crowd, transport=first)
        states = dict(Delivery.objects.order_by("pk").values_list("pk", "state"))
        assert [states[message.delivery] for message in first.taken] == ["sent"] * 60
        in_flight = list(states.values())[60]
        assert in_flight == "sending"
        assert list(states.values())[100:] == ["pending"] * 20  # the group that was not begun
        expire_leases(crowd)
        recover_issue(crowd.pk)
        assert list(Delivery.objects.order_by("pk").values_list("state", flat=True))[60] == "unknown"
        second = RecordingTransport()
        drain(crowd, transport=second)
        assert never_twice(first, second)
        assert set(factories.states(crowd)) == {"sent", "unknown"}

    def test_only_the_one_in_flight_is_in_doubt(self, crowd):
        """Transports hand over one after the other: whatever stands behind the one in flight was not begun."""
        with pytest.raises(KeyboardInterrupt):
            drain(crowd, transport=RecordingTransport(fakes.after(3, raising(KeyboardInterrupt()))))
        assert factories.states(crowd) == {"sent": 3, "sending": 1, "pending": 116}

    def test_message_that_cannot_be_built_leaves_nobody_in_doubt(self, crowd, monkeypatch):
        """Nothing was handed over, and that is known."""

        def broken(self, edition, variant):
            raise RuntimeError("no skeleton")

        monkeypatch.setattr(draining.Workshop, "skeleton", broken)
        with suppress(RuntimeError):
            drain(crowd, transport=RecordingTransport())
        expire_leases(crowd)
        recover_issue(crowd.pk)
        assert "unknown" not in factories.states(crowd)

    def test_death_between_claim_and_mark_costs_nothing(self, crowd):
        ledger.claim(issue=crowd.pk, attempt=uuid.uuid4(), limit=100)
        transport = RecordingTransport()
        assert drain(crowd, transport=transport).finished == 20
        expire_leases(crowd)
        recover_issue(crowd.pk)
        assert drain(crowd, transport=transport).finished == 100
        assert never_twice(transport)

    def test_death_before_recording_leaves_the_group_unknown(self, crowd, monkeypatch):
        """As after kill -9: nothing of what the process knew is written down."""
        monkeypatch.setattr(handover.Handover, "_record", lambda *args: None)
        first = RecordingTransport(fakes.after(49, raising(KeyboardInterrupt())))
        with pytest.raises(KeyboardInterrupt):
            drain(crowd, transport=first)
        monkeypatch.undo()
        expire_leases(crowd)
        recover_issue(crowd.pk)
        second = RecordingTransport()
        drain_to_the_end(crowd, transport=second)
        assert never_twice(first, second)
        unknown = set(Delivery.objects.filter(state="unknown").values_list("pk", flat=True))
        assert {message.delivery for message in first.taken} <= unknown
        assert len(unknown) <= draining.GROUP
        assert certify(crowd).balanced


class TestChangesDuringASend:
    def test_pause_stops_after_the_group_in_hand_and_resume_goes_on(self, crowd):
        def pausing(message):
            set_mailing(crowd, Mailing.State.PAUSED)
            return accept(message)

        first = RecordingTransport(pausing)
        sent = drain(crowd, transport=first)
        assert (sent.finished, sent.left, sent.trouble) == (50, True, "")
        assert factories.states(crowd) == {"sent": 50, "pending": 70}
        assert drain(crowd, transport=first).finished == 0
        set_mailing(crowd, Mailing.State.SENDING)
        second = RecordingTransport()
        drain(crowd, transport=second)
        assert never_twice(first, second)
        assert factories.states(crowd) == {"sent": 120}

    def test_who_was_erased_at_the_moment_of_the_freeze_is_skipped_and_forgotten(self, crowd):
        """The erasure could not see the row, the freeze still saw the person."""
        row = Delivery.objects.order_by("pk").first()
        Delivery.objects.filter(pk=row.pk).update(member_id=10**6)
        transport = RecordingTransport()
        drain(crowd, transport=transport)
        row.refresh_from_db()
        assert (row.state, row.reason, row.member_id) == ("skipped", "erased", None)
        assert len(transport.taken) == 119
        assert certify(crowd).proved

    def test_who_leaves_meanwhile_is_not_mailed(self, crowd):
        people = list(services.Subscription.objects.order_by("pk"))

        def leaving(message):
            services.unsubscribe(subscription=people[-1], channel=ConsentRecord.Channel.ONE_CLICK)
            return accept(message)

        transport = RecordingTransport(leaving)
        drain(crowd, transport=transport)
        assert people[-1].member.user.email not in transport.recipients
        assert certify(crowd).skipped_because == {"unsubscribed": 1}

    def test_group_that_is_too_slow_for_its_lease_is_cut_and_gives_the_rest_back(self, crowd, monkeypatch, settings):
        settings.SEND_LEASE_SECONDS = 300
        clock = SimpleNamespace(now=0.0)
        monkeypatch.setattr(draining, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=lambda seconds: None))

        def ten_seconds_each(message):
            clock.now += 10
            return accept(message)

        transport = RecordingTransport(ten_seconds_each)
        drain(crowd, transport=transport)
        assert len(transport.calls) > 3
        assert never_twice(transport)
        assert factories.states(crowd) == {"sent": 120}

    def test_lease_that_ends_half_way_is_claimed_anew(self, crowd):
        def slow(message):
            Delivery.objects.filter(state="claimed").update(lease_until=Mailing.objects.get().started_at)
            return accept(message)

        transport = RecordingTransport(slow)
        drain(crowd, transport=transport)
        recover_issue(crowd.pk)
        drain(crowd, transport=transport)
        assert never_twice(transport)
        assert factories.states(crowd) == {"sent": 120}
