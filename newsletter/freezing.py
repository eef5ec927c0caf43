"""Freezing: editions and recipients are fixed before anything is sent, in one transaction."""

import hashlib
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.formats import date_format
from wagtail.log_actions import log

from membership.audiences import assign_audiences
from membership.models import Audience
from membership.pausing import end_pauses
from newsletter.compiling import IssueError
from newsletter.editions import Choice, IssueEditions
from newsletter.models import Edition, EditionAudience, EditionItem, Issue, Link, Mailing
from newsletter.rendering import render_edition
from newsletter.skeletons import Variant, Workshop


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
    end_pauses(timezone.localdate())
    assign_audiences()
    try:
        with transaction.atomic():
            mailing = Mailing.objects.create(issue=issue, revision=issue.live_revision)
            mailing.frozen = _fill_ledger(issue)
            mailing.save(update_fields=["frozen"])
            log(issue, "newsletter.freeze", data={"frozen": mailing.frozen})
    except IntegrityError:
        mailing = issue.get_mailing()
        if not mailing:
            raise
    return mailing


def _fill_ledger(issue: Issue) -> int:
    """Make the editions, their prepared messages, and a row for every subscription; return the number of rows.

    Whoever changes a choice while editions are rendered has no audience for a moment: they get theirs, and whatever
    edition it needs, in another round, so that nobody is skipped for having been busy.
    """
    maker = EditionMaker(issue)
    rows = 0
    while True:
        maker.make_missing()
        rows += _insert_deliveries(issue)
        if not assign_audiences():
            break
    maker.insert_links()
    Workshop(issue).prepare(Edition.objects.filter(issue=issue).iterator(chunk_size=100), Variant())
    return rows


class EditionMaker:
    """Works out each audience's list, renders every distinct list once, and notes who gets which."""

    def __init__(self, issue: Issue) -> None:
        self.issue = issue
        self.editions = IssueEditions.approved(issue)
        self.by_choice: dict[Choice, Edition | None] = {}

    def make_missing(self) -> None:
        """Make what is needed for audiences that have members and no list yet."""
        done = EditionAudience.objects.filter(issue=self.issue)
        waiting = Audience.objects.filter(subscription__isnull=False).exclude(pk__in=done.values("audience"))
        audiences = list(waiting.distinct().order_by("pk"))
        if any(audience.quarterly for audience in audiences):
            self.editions.load_quarter()
        places: list[EditionItem] = []
        rows: list[EditionAudience] = []
        for audience in audiences:
            choice = self.editions.choose(audience)
            if choice not in self.by_choice:
                edition = self._make(choice, audience)
                self.by_choice[choice] = edition
                places += [
                    EditionItem(edition=edition, item=self.editions.items[place], place=order)
                    for order, place in enumerate(choice.items, start=1)
                ]
            rows.append(EditionAudience(issue=self.issue, audience=audience, edition=self.by_choice[choice]))
        EditionItem.objects.bulk_create(places, batch_size=1000)
        EditionAudience.objects.bulk_create(rows, batch_size=1000)

    def _make(self, choice: Choice, audience: Audience) -> Edition | None:
        if not choice.items:
            return None
        rendered = render_edition(self.editions.content(choice))
        digest = hashlib.sha256("\0".join([rendered.subject, rendered.html, rendered.text]).encode()).hexdigest()
        return Edition.objects.create(
            issue=self.issue,
            number=len(self.by_choice) + 1,
            label=self.editions.label(audience)[:200],
            more_count=choice.more,
            subject=rendered.subject,
            html=rendered.html,
            text=rendered.text,
            content_hash=digest,
        )

    def insert_links(self) -> None:
        Link.objects.bulk_create(
            Link(issue=self.issue, number=item.number, url=item.url, item=self.editions.items[item.number])
            for item in self.editions.numbered()
        )


def _insert_deliveries(issue: Issue) -> int:
    """Write one row per subscription that has an audience and no row, in a single statement; return their number.

    Whoever is not to be mailed is `skipped` at once, with the reason; everybody else is `pending`. Rows are in the
    order of editions, so that whoever sends needs few prepared messages at a time, and one call of a provider's
    interface can carry many.
    """
    postgres = connection.vendor == "postgresql"
    nonce = "gen_random_uuid()" if postgres else "lower(hex(randomblob(16)))"
    timestamp = "%s::timestamptz" if postgres else "%s"
    reason = """
        CASE WHEN x.id IS NOT NULL THEN 'suppressed'
             WHEN s.state = 'ended' THEN 'unsubscribed'
             WHEN s.state = 'pending' THEN 'not confirmed'
             WHEN s.state = 'paused' THEN 'paused'
             WHEN a.edition_id IS NULL AND s.frequency = 'quarterly' AND %s <> '' THEN %s
             WHEN a.edition_id IS NULL THEN 'nothing new for this member'
             ELSE '' END
    """
    month = issue.month
    between = "" if month.ends_quarter else f"quarterly: next issue in {date_format(month.quarter_end.first_day, 'F')}"
    now: Any = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO newsletter_delivery
                (issue_id, edition_id, member_id, state, reason, nonce, attempts, provider, message_id, finished_at)
            SELECT %s, r.edition_id, r.member_id, CASE WHEN r.reason = '' THEN 'pending' ELSE 'skipped' END,
                   r.reason, {nonce}, 0, '', '', CASE WHEN r.reason = '' THEN NULL ELSE {timestamp} END
            FROM (
                SELECT a.edition_id, s.member_id, {reason} AS reason
                FROM membership_subscription s
                JOIN membership_member m ON m.id = s.member_id
                JOIN membership_user u ON u.id = m.user_id
                LEFT JOIN membership_suppression x ON x.address_hash = u.address_hash
                JOIN newsletter_editionaudience a ON a.issue_id = %s AND a.audience_id = s.audience_id
                LEFT JOIN newsletter_delivery d ON d.issue_id = a.issue_id AND d.member_id = s.member_id
                WHERE d.id IS NULL
                ORDER BY a.edition_id, s.id
            ) AS r
            """,
            [issue.pk, now, between, between, issue.pk],
        )
        return int(cursor.rowcount)
