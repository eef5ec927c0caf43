"""What membership itself holds about a person (registered in `apps.py`)."""

from collections.abc import Sequence
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet
from wagtail.log_actions import registry as log_actions
from wagtail.models import ModelLogEntry

from cms.models import Entry, Message, Submission
from cms.submission_forms import described
from membership import saving
from membership.held import Row, Source, register
from membership.models import Complaint, ConsentRecord, Member, Subscription, Suppression, User
from membership.wording import words

NOT_OPEN = "An entry that is no longer on the website"


def account(member: Member) -> list[Row]:
    user = member.user
    return [
        {
            "email": user.email,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "joined": user.date_joined,
            "last_login": user.last_login,
            "password_set": user.has_usable_password(),
            "other_addresses": list(
                EmailAddress.objects.filter(user=user).exclude(email=user.email).values_list("email", flat=True)
            ),
            "second_steps": [str(one.get_type_display()) for one in Authenticator.objects.filter(user=user)],
        }
    ]


def profile(member: Member) -> list[Row]:
    if not member.pk:
        return []
    return [
        {
            "organisation": member.organisation,
            "job_role": member.job_role,
            "sectors": [str(sector) for sector in member.sectors.all()],
            "region": str(member.region) if member.region else "The whole country",
            "member_since": member.joined_at,
            "last_visit": member.last_visit_at,
            "asked_whether_still_in_post": member.post_asked_at,
            "confirmed_to_be_in_post": member.post_confirmed_at,
        }
    ]


def subscription(member: Member) -> list[Row]:
    if not member.pk:
        return []
    return [
        {
            "state": one.get_state_display(),
            "kinds": list(one.kinds),
            "frequency": one.get_frequency_display(),
            "opens_may_be_counted": one.track_opens,
            "links_may_be_counted": one.track_clicks,
            "paused_until": one.paused_until,
            "asked": one.asked_at,
            "confirmed": one.confirmed_at,
            "ended": one.ended_at,
        }
        for one in Subscription.objects.filter(member=member)
    ]


def consents(member: Member) -> list[Row]:
    if not member.pk:
        return []
    return [
        {
            "time": record.at,
            "purpose": record.get_purpose_display(),
            "act": record.get_act_display(),
            "channel": record.get_channel_display(),
            "wording_version": record.wording_version,
            "wording": words(record.purpose, record.wording_version),
        }
        for record in ConsentRecord.objects.filter(member=member)
    ]


def saved_entries(member: Member) -> list[Row]:
    if not member.pk:
        return []
    return [
        {
            "time": one.saved_at,
            "entry": one.entry.title if one.open else NOT_OPEN,
            "address": one.entry.url if one.open else "",
        }
        for one in saving.saved_entries(member)
    ]


def saved_searches(member: Member) -> list[Row]:
    if not member.pk:
        return []
    return [
        {"time": one.saved_at, "title": one.title, "search": one.query, "adds_to_my_e_news": one.in_news}
        for one in member.saved_searches.all()
    ]


def changes(member: Member) -> list[Row]:
    """What was done to the membership in the editors' area, or by the service itself; never by whom in person."""
    return [
        {
            "time": entry.timestamp,
            "what": _label(entry.action),
            "by": "a member of staff" if entry.user_id and entry.user_id != member.user_id else "you or the service",
        }
        for entry in logged([member])
    ]


def _label(action: str) -> str:
    log_actions.scan_for_actions()
    formatter = log_actions.formatters.get(action)
    return str(formatter.label) if formatter else action


def logged(members: Sequence[Member]) -> "QuerySet[ModelLogEntry]":
    """Every entry of Wagtail's log about these people, their membership or their subscription."""
    saved = [member.pk for member in members if member.pk]
    objects: dict[type[Model], Any] = {
        User: [member.user_id for member in members],
        Member: saved,
        Subscription: Subscription.objects.filter(member__in=saved).values_list("pk", flat=True),
    }
    about = Q()
    for model, pks in objects.items():
        kind = ContentType.objects.get_for_model(model, for_concrete_model=False)
        about |= Q(content_type=kind, object_id__in=[str(pk) for pk in pks])
    found: QuerySet[ModelLogEntry] = ModelLogEntry.objects.filter(about)
    return found


def forget_changes(members: Sequence[Member]) -> None:
    logged(members).delete()


def suppression(member: Member) -> list[Row]:
    return [
        {"since": one.since, "reason": one.get_reason_display()}
        for one in Suppression.objects.filter(address_hash=member.user.address_hash)
    ]


def complaints(member: Member) -> list[Row]:
    return [
        {
            "reference": one.reference,
            "received": one.received_at,
            "name": one.name,
            "text": one.text,
            "answer": one.answer,
            "closed": one.closed_at,
        }
        for one in Complaint.objects.filter(email=member.user.email)
    ]


def forget_complaints(members: Sequence[Member]) -> None:
    """What is closed goes. What is open stays until it has been answered: whoever complained is owed an answer."""
    addresses = [member.user.email for member in members]
    Complaint.objects.filter(email__in=addresses, closed_at__isnull=False).delete()


def submissions(member: Member) -> list[Row]:
    return [
        {
            "reference": one.reference,
            "offered": one.made_at,
            "confirmed": one.confirmed_at,
            "kind": one.get_kind_display(),
            "title": one.title,
            "words": [f"{label}: {text}" for label, text in described(one.kind, one.words)],
            "name": one.name,
            "organisation": one.organisation,
            "state": one.get_state_display(),
            "answered": one.answered_at,
            "reason": one.reason,
        }
        for one in Submission.objects.filter(email=member.user.email).order_by("made_at")
    ]


def messages(member: Member) -> list[Row]:
    found = Message.objects.filter(email=member.user.email).select_related("entry").order_by("received_at")
    return [
        {
            "reference": one.reference,
            "received": one.received_at,
            "about": one.entry.title if one.entry else "",
            "name": one.name,
            "text": one.text,
            "answered": one.answered_at,
            "note": one.note,
        }
        for one in found
    ]


def listings(member: Member) -> list[Row]:
    """Entries whose details this address is asked to confirm."""
    found = Entry.objects.filter(contact_email__iexact=member.user.email).order_by("title")
    return [{"entry": one.title, "address": one.url if one.live else ""} for one in found]


def register_all() -> None:
    for source in (
        Source("account", "Your account", account),
        Source("profile", "Your work", profile),
        Source("subscription", "Your e-news", subscription),
        Source("consents", "What you agreed to", consents),
        Source("saved_entries", "Entries you saved", saved_entries),
        Source("saved_searches", "Searches you saved", saved_searches),
        Source("changes", "Changes to your membership", changes, forget_changes),
        Source("suppression", "Whether we must not write to you", suppression),
        Source("complaints", "Your complaints", complaints, forget_complaints),
        # `cms.erasing` forgets these three, with the account of somebody who had proved the address to be theirs.
        Source("submissions", "What you offered for the directory", submissions),
        Source("messages", "Messages you sent us", messages),
        Source("listings", "Entries you are asked to confirm", listings),
    ):
        register(source)
