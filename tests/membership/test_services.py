"""The verbs of membership: what each changes, records and mails, once and when done twice."""

import pytest
from allauth.account.models import EmailAddress
from django.db import connection

from cms.addresses import address_hash
from cms.groups import MEMBERS_GROUP
from cms.models import Kind
from membership import services
from membership.models import ConsentRecord, Member, Subscription, Suppression, User
from tests.factories import UserFactory, region, sector, subscription

pytestmark = pytest.mark.django_db
State, Reason, Channel = Subscription.State, Suppression.Reason, ConsentRecord.Channel


def acts(of):
    """What was recorded, in the order in which it happened."""
    return [(record.purpose, record.act, record.channel) for record in of.member.consents.order_by("pk")]


def token_of(path):
    return path.rstrip("/").rpartition("/")[2]


# --- Joining -------------------------------------------------------------------------------------


def test_joining_waits_for_confirmation(join, mailoutbox):
    one = join(
        "Sam@Example.org",
        first_name="Sam",
        last_name="Sample",
        organisation="Sample Trust",
        job_role="Adviser",
        sectors=[sector("health"), sector("schools")],
    )
    one.refresh_from_db()
    user = one.member.user
    assert (one.state, one.confirmed_at) == (State.PENDING, None)
    assert (user.email, user.first_name, user.last_name) == ("sam@example.org", "Sam", "Sample")
    assert not user.has_usable_password()
    assert not user.groups.exists(), "no case studies before the address is confirmed"
    assert not EmailAddress.objects.get(user=user).verified
    assert (one.member.organisation, one.member.job_role) == ("Sample Trust", "Adviser")
    assert {found.slug for found in one.member.sectors.all()} == {"health", "schools"}
    assert (one.member.region, set(one.kinds)) == (region("north-east"), set(Kind.values))
    assert (one.track_opens, one.track_clicks) == (False, False)
    assert acts(one) == [("news", "asked", "join-page")]
    assert list(Subscription.objects.entitled()) == []


def test_joining_sends_one_mail_with_a_link(join, mailoutbox, confirmation_path, settings):
    one = join()
    (mail,) = mailoutbox
    assert mail.recipients() == ["sam@example.org"]
    assert mail.from_email == settings.ACCOUNTS_FROM != settings.NEWS_FROM
    assert mail.extra_headers["Auto-Submitted"] == "auto-generated"
    token = token_of(confirmation_path(mail))
    assert len(token) >= 22, "at least 128 bits"
    assert services.find_by_confirmation(token) == one
    assert token not in Subscription.objects.get().confirmation_hash, "only its hash is kept"
    assert "sam@example.org" not in mail.body


def test_no_mail_before_the_commit(mailoutbox, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as waiting:
        services.join(email="sam@example.org", sectors=[sector("health")], region=None)
        assert mailoutbox == []
    assert len(waiting) == 1


def test_tracking_is_recorded_only_when_asked_for(join):
    one = join(track_clicks=True)
    assert acts(one) == [("news", "asked", "join-page"), ("clicks", "asked", "join-page")]
    services.confirm(subscription=one)
    assert acts(one)[2:] == [("news", "confirmed", "confirmation"), ("clicks", "confirmed", "confirmation")]


@pytest.mark.parametrize("email", ["", "sam", "sam@example.org\r\nBcc: eve@example.org", "a" * 300 + "@example.org"])
def test_malformed_address_is_refused(join, mailoutbox, email):
    with pytest.raises(ValueError, match="address"):
        join(email)
    assert not User.objects.exists()
    assert mailoutbox == []


@pytest.mark.parametrize("email", ["sam@example.org", "SAM@Example.ORG", " sam@example.org "])
def test_joining_again_before_confirming_gives_a_new_link(join, mailoutbox, confirmation_path, email):
    first = join(first_name="Sam")
    assert join(email, first_name="Eve", organisation="Other") == first
    assert (User.objects.get().first_name, Member.objects.get().organisation) == ("Sam", "")
    old, new = (token_of(confirmation_path(mail)) for mail in mailoutbox)
    assert services.find_by_confirmation(old) is None
    assert services.find_by_confirmation(new) == first
    assert acts(first) == [("news", "asked", "join-page")] * 2


@pytest.mark.parametrize("state", [State.ACTIVE, State.PAUSED])
def test_joining_again_as_a_member_changes_nothing_and_says_so_by_mail(join, mailoutbox, state):
    one = subscription("sam@example.org", state=state)
    join("Sam@example.org", sectors=[sector("prisons")], region=None)
    after = Subscription.objects.get()
    assert (after.state, after.confirmation_hash, acts(one)) == (state, "", [])
    assert [found.slug for found in after.member.sectors.all()] == ["health"]
    (mail,) = mailoutbox
    assert mail.recipients() == ["sam@example.org"]
    assert "already" in mail.subject
    assert "/join/confirm/" not in mail.body


def test_joining_again_after_leaving_asks_again_and_confirms(join, mailoutbox, confirmation_path):
    one = subscription("sam@example.org", state=State.ENDED)
    join()
    assert Subscription.objects.get().state == State.ENDED
    services.confirm(subscription=services.find_by_confirmation(token_of(confirmation_path(mailoutbox[0]))))
    one.refresh_from_db()
    assert (one.state, one.ended_at) == (State.ACTIVE, None)


def test_joining_again_does_not_renew_a_tracking_consent_that_was_not_given_again(join):
    one = subscription("sam@example.org", track_opens=True)
    services.unsubscribe(subscription=one, channel=Channel.ONE_CLICK)
    again = join(track_opens=False)
    services.confirm(subscription=again)
    assert ("opens", "confirmed", "confirmation") not in acts(one)
    assert not Subscription.objects.get().track_opens


def test_account_without_membership_joins_with_what_it_chooses_now(join):
    UserFactory(email="sam@example.org")  # an editor, say
    one = join(sectors=[sector("prisons")], region=region("london"))
    assert one.state == State.PENDING
    assert [found.slug for found in one.member.sectors.all()] == ["prisons"]
    assert one.member.region == region("london")


def test_two_who_join_at_once_with_one_address_both_succeed(join, mailoutbox):
    faster = []

    def somebody_is_faster(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith("SELECT") and "membership_user" in sql and not faster:  # nobody there yet, says this
            faster.append(True)
            join("sam@example.org")
        return result

    with connection.execute_wrapper(somebody_is_faster):
        join("sam@example.org")
    assert faster
    assert User.objects.count() == Subscription.objects.count() == 1
    assert {mail.to[0] for mail in mailoutbox} == {"sam@example.org"}


# --- Confirming ----------------------------------------------------------------------------------


def test_confirming_makes_a_member(join):
    one = join()
    services.confirm(subscription=one)
    one.refresh_from_db()
    user = one.member.user
    assert (one.state, one.confirmation_hash) == (State.ACTIVE, "")
    assert one.confirmed_at is not None
    assert user.groups.filter(name=MEMBERS_GROUP).exists()
    assert EmailAddress.objects.get(user=user).verified
    assert acts(one) == [("news", "asked", "join-page"), ("news", "confirmed", "confirmation")]
    assert list(Subscription.objects.entitled()) == [one]


def test_confirming_twice_is_confirming_once(join):
    one = join()
    services.confirm(subscription=one)
    first = Subscription.objects.get().confirmed_at
    services.confirm(subscription=Subscription.objects.get())
    assert Subscription.objects.get().confirmed_at == first
    assert len(acts(one)) == 2


def test_confirming_does_not_end_a_pause():
    one = subscription(state=State.PAUSED)
    services.confirm(subscription=one)
    assert (one.state, acts(one)) == (State.PAUSED, [])


def test_confirming_proves_only_the_address_that_was_mailed(join):
    one = join()
    EmailAddress.objects.create(user=one.member.user, email="somebody.else@example.org", verified=False)
    services.confirm(subscription=one)
    verified = EmailAddress.objects.filter(verified=True).values_list("email", flat=True)
    assert list(verified) == ["sam@example.org"]


@pytest.mark.parametrize("token", ["", "x", "\0", "ü", "x" * 10_000])
def test_wrong_token_finds_nobody(join, token):
    services.confirm(subscription=join())  # leaves an empty hash behind
    assert services.find_by_confirmation(token) is None


@pytest.mark.parametrize(
    ("reason", "lifted"),
    [(Reason.ERASED, True), (Reason.REQUESTED, True), (Reason.BOUNCED, False), (Reason.COMPLAINED, False)],
)
def test_confirming_lifts_only_what_the_person_asked_for(join, reason, lifted):
    services.suppress(address_hash=address_hash("sam@example.org"), reason=reason)
    services.suppress(address_hash=address_hash("eve@example.org"), reason=reason)
    services.confirm(subscription=join())
    assert Suppression.objects.filter(address_hash=address_hash("sam@example.org")).exists() is not lifted
    assert Suppression.objects.filter(address_hash=address_hash("eve@example.org")).exists()
    assert Subscription.objects.entitled().exists() is lifted
