"""Freezing: editions and recipients are fixed before anything is sent, in one transaction."""

import hashlib
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from wagtail.log_actions import log

from membership.audiences import assign_audiences
from membership.models import Audience
from newsletter.compiling import IssueError
from newsletter.editions import Choice, IssueEditions
from newsletter.models import Edition, EditionAudience, EditionItem, Issue, Link, Mailing
from newsletter.rendering import render_edition


def freeze(issue: Issue) -> Mailing:
    """Fix who gets what, and return the mailing. May be called twice, or by two at once: the first one counts.

    Every subscription gets a row of the ledger, whatever its state, so that it can always be said why somebody
    was or was not mailed. Raises IssueError when the issue is not approved, RenderError when an edition cannot
    be rendered; nothing is kept then.
    """
    if mailing := issue.get_mailing():
        return mailing
    # Read afresh: an object that has been edited in this process still holds its items as they were.
    issue = Issue.objects.get(pk=issue.pk)
    if not issue.is_approved:
        raise IssueError(f"The issue {issue.period} is not approved: approve it before sending.")
    assign_audiences()
    try:
        with transaction.atomic():
            mailing = Mailing.objects.create(issue=issue, revision=issue.live_revision)
            make_editions(issue)
            mailing.frozen = _insert_deliveries(issue)
            mailing.save(update_fields=["frozen"])
            log(issue, "newsletter.freeze", data={"frozen": mailing.frozen})
    except IntegrityError:
        mailing = issue.get_mailing()
        if not mailing:
            raise
    return mailing


def make_editions(issue: Issue) -> None:
    """Work out each audience's list, render every distinct list once, and note who gets which."""
    editions = IssueEditions(issue)
    _insert_links(issue, editions)
    by_choice: dict[Choice, Edition | None] = {}
    places: list[EditionItem] = []
    audiences: list[EditionAudience] = []
    in_use = Audience.objects.filter(subscription__isnull=False).distinct().order_by("pk")
    for audience in in_use.iterator():
        choice = editions.choose(audience)
        if choice not in by_choice:
            by_choice[choice] = _render(issue, editions, choice, audience, len(by_choice) + 1) if choice.items else None
            edition = by_choice[choice]
            places += [
                EditionItem(edition=edition, item=editions.items[place], place=order)
                for order, place in enumerate(choice.items, start=1)
            ]
        audiences.append(EditionAudience(issue=issue, audience=audience, edition=by_choice[choice]))
    EditionItem.objects.bulk_create(places, batch_size=1000)
    EditionAudience.objects.bulk_create(audiences, batch_size=1000)


def _render(issue: Issue, editions: IssueEditions, choice: Choice, audience: Audience, number: int) -> Edition:
    label = editions.label(audience)
    rendered = render_edition(editions.content(choice))
    digest = hashlib.sha256("\0".join([rendered.subject, rendered.html, rendered.text]).encode()).hexdigest()
    return Edition.objects.create(
        issue=issue,
        number=number,
        label=label[:200],
        more_count=choice.more,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        content_hash=digest,
    )


def _insert_links(issue: Issue, editions: IssueEditions) -> None:
    content = editions.content(editions.general())
    Link.objects.bulk_create(
        Link(issue=issue, number=item.number, url=item.url, item=editions.items[item.number]) for item in content.items
    )


def _insert_deliveries(issue: Issue) -> int:
    """Write one row per subscription in a single statement; return their number.

    Whoever is not to be mailed is `skipped` at once, with the reason; everybody else is `pending`.
    """
    postgres = connection.vendor == "postgresql"
    nonce = "gen_random_uuid()" if postgres else "lower(hex(randomblob(16)))"
    timestamp = "%s::timestamptz" if postgres else "%s"
    reason = """
        CASE WHEN x.id IS NOT NULL THEN 'suppressed'
             WHEN s.state = 'ended' THEN 'unsubscribed'
             WHEN s.state = 'pending' THEN 'not confirmed'
             WHEN s.state = 'paused' THEN 'paused'
             WHEN a.edition_id IS NULL THEN 'nothing new for this member'
             ELSE '' END
    """
    now: Any = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO newsletter_delivery
                (issue_id, edition_id, member_id, state, reason, nonce, attempts, message_id, finished_at)
            SELECT %s, r.edition_id, r.member_id, CASE WHEN r.reason = '' THEN 'pending' ELSE 'skipped' END,
                   r.reason, {nonce}, 0, '', CASE WHEN r.reason = '' THEN NULL ELSE {timestamp} END
            FROM (
                SELECT a.edition_id, s.member_id, {reason} AS reason
                FROM membership_subscription s
                JOIN membership_member m ON m.id = s.member_id
                JOIN membership_user u ON u.id = m.user_id
                LEFT JOIN membership_suppression x ON x.address_hash = u.address_hash
                LEFT JOIN newsletter_editionaudience a ON a.issue_id = %s AND a.audience_id = s.audience_id
                ORDER BY s.id
            ) AS r
            """,
            [issue.pk, now, issue.pk],
        )
        return int(cursor.rowcount)
