"""Freezing: editions and recipients are fixed before anything is sent, in one transaction."""

import hashlib

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from wagtail.log_actions import log

from membership.audiences import assign_audiences
from membership.models import Audience, Subscription
from membership.pausing import end_pauses
from newsletter.compiling import IssueError
from newsletter.correcting import check_can_be_frozen
from newsletter.editions import Choice, IssueEditions
from newsletter.models import Edition, EditionAudience, EditionItem, Issue, Link, Mailing, NewsletterSettings
from newsletter.recipients import insert_correction, insert_deliveries
from newsletter.rendering import Rendered, render_edition
from newsletter.skeletons import Variant, Workshop


def freeze(issue: Issue) -> Mailing:
    """Fix who gets what, and return the mailing. May be called twice, or by two at once: the first one counts.

    Every subscription gets a row of the ledger, whatever its state, so that it can always be said why somebody
    was or was not mailed; a correction has a row for whoever received what it corrects. Raises IssueError when the
    issue is not approved, or what it corrects is still being sent, RenderError when an edition cannot be rendered;
    nothing is kept then.
    """
    if mailing := issue.get_mailing():
        return mailing
    end_pauses(timezone.localdate())
    assign_audiences()
    try:
        with transaction.atomic():
            # Read afresh, since an object that has been edited in this process still holds its items as they were; and
            # held, so that nobody withdraws or changes meanwhile what is being frozen.
            issue = Issue.objects.select_for_update(of=("self",)).get(pk=issue.pk)
            if not issue.is_approved:
                raise IssueError(f"The issue {issue.period} is not approved: approve it before sending.")
            mailing = Mailing.objects.create(
                issue=issue,
                revision=issue.live_revision,
                counts_clicks=NewsletterSettings.load().counts_clicks,  # for good: the mails do not change
            )
            mailing.frozen = _fill_for_correction(issue) if issue.is_correction else _fill_ledger(issue)
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
        rows += insert_deliveries(issue)
        if not assign_audiences():
            break
    insert_links(maker.editions)
    Workshop(issue).prepare(Edition.objects.filter(issue=issue).iterator(chunk_size=100), Variant())
    return rows


def _fill_for_correction(issue: Issue) -> int:
    """Make the one edition of a correction, its prepared message, and a row for everybody who was sent the item."""
    assert issue.corrects_id
    check_can_be_frozen(issue)
    editions = IssueEditions.approved(issue)
    choice = editions.general()
    rendered = render_edition(editions.content(choice))
    edition = make_edition(issue, rendered, number=1, label="Whoever received the entry")
    # What it corrects, even when the entry is gone and only the words about it are left.
    EditionItem.objects.create(edition=edition, item_id=issue.corrects_id, place=1)
    rows = insert_correction(edition, issue.corrects_id)
    insert_links(editions)
    Workshop(issue).prepare([edition], Variant())
    return rows


class EditionMaker:
    """Works out each audience's list, renders every distinct list once, and notes who gets which."""

    def __init__(self, issue: Issue) -> None:
        self.issue = issue
        self.editions = IssueEditions.approved(issue)
        self.by_choice: dict[Choice, Edition | None] = {}

    def make_missing(self) -> None:
        """Make what is needed for audiences that have members and no list yet.

        They are held until the end of the freeze: retention deletes those that nobody is left in (`ageing.audiences`).
        """
        chosen = Exists(Subscription.objects.filter(audience=OuterRef("pk")))
        done = Exists(EditionAudience.objects.filter(issue=self.issue, audience=OuterRef("pk")))
        waiting = Audience.objects.filter(chosen, ~done).order_by("pk")
        audiences = list(waiting.select_for_update(no_key=True))
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
        label = self.editions.label(audience)[:200]
        return make_edition(self.issue, rendered, number=len(self.by_choice) + 1, label=label, more=choice.more)


def make_edition(issue: Issue, rendered: Rendered, *, number: int, label: str, more: int = 0) -> Edition:
    digest = hashlib.sha256("\0".join([rendered.subject, rendered.html, rendered.text]).encode()).hexdigest()
    return Edition.objects.create(
        issue=issue,
        number=number,
        label=label,
        more_count=more,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        content_hash=digest,
    )


def insert_links(editions: IssueEditions) -> None:
    """Number the links of every item that any edition may carry."""
    Link.objects.bulk_create(
        Link(issue=editions.issue, number=item.number, url=item.url, item=editions.items[item.number])
        for item in editions.numbered()
    )
