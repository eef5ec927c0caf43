"""The pre-flight on the desk: what it shows, its buttons, and what the editor shows of it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone
from wagtail.models import PageLogEntry

from cms import links
from cms.link_fetching import Answer, Verdict
from cms.models import CheckedLink
from newsletter import sender_domain, tasks
from newsletter.models import Issue, SenderCheck
from newsletter.site import APPROVERS_GROUP
from tests import factories

LINK = "https://example.org/guide"


@pytest.fixture
def draft(db, time_machine) -> Issue:
    time_machine.move_to("2026-11-02T09:00:00Z", tick=False)
    introduction = f'<p><a href="{LINK}">x</a></p>'
    return factories.issue(pages=[factories.entry(title="A guide")], subject="What is new", introduction=introduction)


@pytest.fixture
def desk(client, db):
    user = factories.UserFactory(email="approver@example.org", is_staff=True)
    user.groups.add(Group.objects.get(name=APPROVERS_GROUP))
    client.force_login(user)
    return client


def page(desk, issue, name="newsletter_preflight", **query):
    return desk.get(reverse(name, args=[issue.pk]), query)


def test_shows_what_was_found_with_the_way_to_it(desk, draft):
    item = draft.items.get()
    item.headline = "A" * 81
    item.save()
    CheckedLink.objects.create(url=LINK, state=CheckedLink.State.BROKEN, problem="Gone.", checked_at=timezone.now())
    html = page(desk, draft).content.decode()
    assert "1 error" in html.replace("&nbsp;", " ").replace('<span class="desk-editor-word">', "")
    assert f"the link {LINK} is broken. Gone." in html
    assert f"{reverse('wagtailadmin_pages:edit', args=[draft.pk])}#inline_child_items-0-panel-section" in html
    assert "1 of 1 link" in html


def test_a_visitor_and_a_member_see_nothing(client, draft):
    for name in ("newsletter_preflight", "newsletter_preflight_counts", "newsletter_preflight_progress"):
        assert page(client, draft, name).status_code == 302
    client.force_login(factories.UserFactory())
    assert page(client, draft).status_code in {302, 403}


def test_the_editor_is_told_the_figures(desk, draft):
    html = page(desk, draft, "newsletter_preflight_counts").content.decode()
    assert html.count("desk-flag ") == 3 or html.count("desk-flag") >= 3
    assert "warning" in html
    editor = desk.get(reverse("wagtailadmin_pages:edit", args=[draft.pk])).content.decode()
    assert reverse("newsletter_preflight_counts", args=[draft.pk]) in editor
    assert "desk_editor.js" in editor


@pytest.mark.parametrize(
    ("name", "task", "act"),
    [
        ("newsletter_check_links", "check_links_of", "newsletter.check_links"),
        ("newsletter_look_up_sender", "look_up_sender", "newsletter.look_up_sender"),
    ],
)
def test_buttons_enqueue_on_commit_and_are_on_record(
    desk, draft, name, task, act, monkeypatch, django_capture_on_commit_callbacks
):
    asked = []
    monkeypatch.setattr(getattr(tasks, task), "apply_async", lambda *args, **options: asked.append(args))
    with django_capture_on_commit_callbacks() as told:
        answer = desk.post(reverse(name, args=[draft.pk]))
    assert asked == []
    for callback in told:
        callback()
    assert len(asked) == 1
    assert "since=" in answer["Location"]
    assert PageLogEntry.objects.filter(page=draft.pk, action=act).exists()
    assert desk.get(reverse(name, args=[draft.pk])).status_code == 405


def test_progress_asks_again_until_all_links_are_checked(desk, draft):
    since = timezone.now()
    query = {"what": "links", "since": since.isoformat()}
    waiting = page(desk, draft, "newsletter_preflight_progress", **query)
    assert "0 of 1 links checked" in waiting.content.decode()
    assert "hx-trigger" in waiting.content.decode()
    links.check([LINK], fetch=lambda url: Answer(Verdict.WORKS, 200))
    done = page(desk, draft, "newsletter_preflight_progress", **query)
    assert done["HX-Redirect"] == reverse("newsletter_preflight", args=[draft.pk])
    assert "hx-trigger" not in done.content.decode()


def test_progress_of_the_sender(desk, draft):
    query = {"what": "sender", "since": timezone.now().isoformat()}
    assert "HX-Redirect" not in page(desk, draft, "newsletter_preflight_progress", **query)
    SenderCheck.objects.create(domain=sender_domain.domain_of(sender_domain.sender_address()), found=[])
    assert "HX-Redirect" in page(desk, draft, "newsletter_preflight_progress", **query)


def test_work_that_never_ends_is_said_to(desk, draft):
    long_ago = timezone.now() - timedelta(minutes=6)
    html = page(desk, draft, "newsletter_preflight_progress", what="links", since=long_ago.isoformat()).content.decode()
    assert "worker" in html


@pytest.mark.parametrize(
    "query", [{}, {"what": "links"}, {"what": "x", "since": "y"}, {"what": "links", "since": "2026"}]
)
def test_a_made_up_address_shows_the_page(desk, draft, query):
    assert page(desk, draft, **query).status_code == 200


class TestTasks:
    @pytest.fixture
    def followed(self, monkeypatch):
        """Which links the tasks had followed."""
        asked = []

        def check(urls):
            asked.extend(urls)
            return len(asked)

        monkeypatch.setattr(links, "check", check)
        return asked

    def test_links_of_drafts_are_noted_and_followed(self, draft, followed):
        tasks.check_links()
        assert followed == [LINK]
        assert CheckedLink.objects.get().state == CheckedLink.State.WAITING

    def test_what_is_fresh_is_left_alone(self, draft, followed):
        CheckedLink.objects.create(url=LINK, state=CheckedLink.State.WORKS, checked_at=timezone.now())
        tasks.check_links()
        assert followed == []
        tasks.check_links_of(draft.pk)
        assert followed == [LINK]
