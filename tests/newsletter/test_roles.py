"""The roles: what each may do and, above all, what each may not (`docs/roles.md`)."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.images.models import Image
from wagtail.images.tests.utils import get_test_image_file
from wagtail.models import (
    GroupApprovalTask,
    GroupPagePermission,
    Page,
    Task,
    Workflow,
    WorkflowPage,
    WorkflowTask,
)
from wagtail.test.utils.form_data import inline_formset, nested_form_data, rich_text, streamfield

from cms.groups import AUTHORS_GROUP
from cms.models import Sector
from cms.site import directory_page
from membership import staff
from membership.models import User
from newsletter.compiling import archive_page
from newsletter.models import Delivery, Edition, Issue, NewsletterSettings, Schedule
from newsletter.roles import ensure_roles, remove_wagtails_groups
from newsletter.site import ADMINISTRATORS_GROUP, APPROVERS_GROUP, WORKFLOW
from newsletter.wagtail_hooks import admin_urls
from tests import factories

pytestmark = pytest.mark.django_db

AUTHOR, APPROVER, ADMINISTRATOR = AUTHORS_GROUP, APPROVERS_GROUP, ADMINISTRATORS_GROUP
ADVISER, OFFICER, SUPERUSER = staff.ADVISERS_GROUP, staff.OFFICERS_GROUP, "superuser"
ROLES = [AUTHOR, APPROVER, ADVISER, OFFICER, ADMINISTRATOR]
EVERYBODY = {*ROLES, SUPERUSER}
SHAPING = {AUTHOR, APPROVER, ADMINISTRATOR, SUPERUSER}  # who works on issues
APPROVING = {APPROVER, ADMINISTRATOR, SUPERUSER}  # who answers for them
WRITING = {AUTHOR, ADMINISTRATOR, SUPERUSER}  # who works on the directory
RUNNING = {ADMINISTRATOR, SUPERUSER}

# Every page of the e-news desk. A page that is missing here fails `test_no_page_of_the_desk_is_forgotten`.
DESK = {
    "newsletter_home": EVERYBODY,
    "newsletter_issues": EVERYBODY,  # the list is empty for whoever may not shape issues
    "newsletter_issue": SHAPING,
    "newsletter_report": SHAPING,
    "newsletter_summary": SHAPING,
    "newsletter_reports": SHAPING,
    "newsletter_report_sectors": SHAPING,
    "newsletter_report_entries": SHAPING,
    "newsletter_report_engagement": SHAPING,
    "newsletter_certificate": SHAPING,
    "newsletter_compile": SHAPING,
    "newsletter_put_back": SHAPING,
    "newsletter_editions": SHAPING,
    "newsletter_mark_seen": SHAPING,
    "newsletter_reader": SHAPING,
    "newsletter_reader_frame": SHAPING,
    "newsletter_find_reader": RUNNING,  # asks by a member's address
    "newsletter_test": SHAPING,
    "newsletter_preflight": SHAPING,
    "newsletter_preflight_counts": SHAPING,
    "newsletter_preflight_progress": SHAPING,
    "newsletter_check_links": SHAPING,
    "newsletter_look_up_sender": SHAPING,
    "newsletter_approve": SHAPING,  # to look at, and to ask for approval
    "newsletter_ask": SHAPING,
    "newsletter_sending": SHAPING,
    "newsletter_figures": SHAPING,
    "newsletter_links": SHAPING,
    "newsletter_approve_give": APPROVING,
    "newsletter_schedule": APPROVING,
    "newsletter_withdraw": APPROVING,
    "newsletter_pause": APPROVING,
    "newsletter_resume": APPROVING,
    "newsletter_cancel": APPROVING,
    "newsletter_send_now": APPROVING,
    "newsletter_decide": APPROVING,
    "newsletter_unknown": APPROVING,
    "newsletter_retarget": APPROVING,
    "newsletter_correct": SHAPING,  # it makes a draft, which is approved like any other
}
BY_POST_ONLY = {"approve_give", "schedule", "withdraw", "ask", "put_back", "mark_seen", "find_reader", "test",
                "check_links", "look_up_sender"}  # fmt: skip


@pytest.fixture(autouse=True)
def no_waiting(settings):
    """Nothing goes out over the network or to a worker from here."""
    settings.SENDING_ARMED = False


def person(role: str) -> User:
    user = factories.UserFactory(first_name="Staff", last_name="Person", is_superuser=role == SUPERUSER)
    if role != SUPERUSER:
        user.groups.add(Group.objects.get(name=role))
    return user


def browser(role: str) -> Client:
    client = Client()
    client.user = person(role)
    client.force_login(client.user)
    return client


@pytest.fixture
def draft() -> Issue:
    """A draft issue, shaped by nobody who is tested here."""
    issue = factories.issue("2026-11", pages=[factories.entry(title="Something new")], live=False)
    issue.save_revision()
    return Issue.objects.get(pk=issue.pk)


@pytest.fixture
def sent(draft) -> Issue:
    issue = factories.issue("2026-10", pages=[factories.entry(title="Something sent")], live=True)
    factories.sent(issue)
    return issue


def turned_away(response) -> bool:
    return response.status_code in {403, 404} or (
        response.status_code == 302 and response.url == reverse("wagtailadmin_home")
    )


def patterns():
    found = [path for pattern in admin_urls() for path in getattr(pattern, "url_patterns", [pattern])]
    return {path.name: path for path in found if path.name and path.name.startswith("newsletter_")}


def desk_address(name: str, issue: Issue) -> str:
    known = {"issue_id": issue.pk, "item_id": issue.items.get().pk, "number": 1}
    converters = patterns()[name].pattern.converters
    return reverse(name, kwargs={key: known[key] for key in converters if key in known})


# --- The desk -------------------------------------------------------------------------------------


def test_no_page_of_the_desk_is_forgotten():
    assert set(patterns()) - set(DESK) == set(), "say in DESK who may open it"


@pytest.mark.parametrize("role", [*ROLES, SUPERUSER])
@pytest.mark.parametrize("method", ["get", "post"])
def test_desk(role, method, draft, sent):
    """Each page of the desk opens, or refuses, by role; an issue that does not exist is nobody's."""
    client, wrong = browser(role), {}
    for name in sorted(set(patterns()) & set(DESK)):
        if method == "get" and name.removeprefix("newsletter_") in BY_POST_ONLY:
            continue
        after = {"certificate", "sending", "figures", "links", "decide", "retarget", "correct", "report"}
        issue = sent if name.removeprefix("newsletter_") in after else draft
        response = getattr(client, method)(desk_address(name, issue))
        if response.status_code == 405:
            continue  # takes no POST from anybody
        # A page may not exist for this issue (an unknown link, say): that is no refusal of those who may open it.
        opened = not turned_away(response) or (role in DESK[name] and response.status_code == 404)
        if opened != (role in DESK[name]):
            wrong[name] = (response.status_code, response.get("Location", ""))
    assert wrong == {}
    assert Issue.objects.filter(live=True).get() == sent, "nothing was approved by an empty form"


@pytest.mark.parametrize("role", [ADVISER, OFFICER])
def test_lists_of_the_desk_are_empty_for_whoever_works_on_no_issue(role, sent):
    text = browser(role).get(reverse("newsletter_issues")).content.decode()
    assert sent.title not in text
    assert reverse("newsletter_issue", args=[sent.pk]) not in text


def test_author_sees_no_unknown_deliveries(sent):
    edition = Edition.objects.create(issue=sent, number=1)
    Delivery.objects.create(issue=sent, edition=edition, state=Delivery.State.UNKNOWN, reason="No answer")
    address = reverse("newsletter_decide", args=[sent.pk])
    page = reverse("newsletter_unknown")
    assert address in browser(APPROVER).get(page).content.decode()
    assert address not in browser(AUTHOR).get(page).content.decode()


# --- Publishing an issue: by approving it only ----------------------------------------------------


def issue_form(issue: Issue, **fields):
    item = issue.items.get()
    items = [
        {
            "id": item.pk, "page": item.page_id, "section": item.section, "headline": "Changed", "summary": "",
            "image": "", "image_alt": "", "ORDER": "1",
        }
    ]  # fmt: skip
    return nested_form_data(
        {
            "title": issue.title,
            "slug": issue.slug,
            "period": issue.period,
            "subject": "A new subject",
            "preheader": "",
            "introduction": rich_text("<p>Welcome.</p>"),
            "announcements": streamfield([]),
            "items": inline_formset(items, initial=1),
            "comments": inline_formset([]),
            **fields,
        }
    )


def submitted(issue: Issue, workflow: Workflow, by: User) -> int:
    return workflow.start(issue, by).current_task_state.pk


@pytest.mark.parametrize("role", [*ROLES, SUPERUSER])
class TestNobodyPublishesAnIssueInWagtail:
    def test_from_the_editor(self, role, draft):
        client = browser(role)
        client.post(edit(draft), issue_form(draft, **{"action-publish": "1"}))
        draft.refresh_from_db()
        assert not draft.live
        saved = draft.get_latest_revision_as_object().subject == "A new subject"
        assert saved is (role in SHAPING), "those who may shape it have saved a draft"

    def test_by_going_back_to_an_older_version(self, role, draft):
        older = draft.latest_revision_id
        draft.save_revision()
        client = browser(role)
        client.get(reverse("wagtailadmin_pages:revisions_revert", args=[draft.pk, older]))
        client.post(edit(draft), issue_form(draft, revision=older, **{"action-publish": "1"}))
        draft.refresh_from_db()
        assert not draft.live

    def test_with_others_at_once(self, role, draft):
        client = browser(role)
        address = reverse("wagtail_bulk_action", args=["wagtailcore", "page", "publish"])
        client.post(f"{address}?id={draft.pk}", {"include_descendants": "on"})
        client.post(f"{address}?id={archive_page().pk}", {"include_descendants": "on"})
        draft.refresh_from_db()
        assert not draft.live

    @pytest.mark.parametrize("own", [True, False])
    def test_through_the_workflow(self, role, own, draft):
        """Neither in ours, nor in one that an administrator put there and in which everybody approves."""
        workflow = Workflow.objects.get(name=WORKFLOW)
        if not own:
            task = GroupApprovalTask.objects.create(name="Anybody")
            task.groups.set(Group.objects.all())
            workflow = Workflow.objects.create(name="Short cut")
            WorkflowTask.objects.create(workflow=workflow, task=task)
            WorkflowPage.objects.filter(page=archive_page()).update(workflow=workflow)
        state = submitted(draft, workflow, factories.UserFactory())
        client = browser(role)
        client.raise_request_exception = False
        for name in ("workflow_action", "collect_workflow_action_data"):
            client.post(reverse(f"wagtailadmin_pages:{name}", args=[draft.pk, "approve", state]), {"comment": "x"})
        client.post(
            edit(draft),
            issue_form(draft, **{"action-workflow-action": "1", "workflow-action-name": "approve"}),
        )
        draft.refresh_from_db()
        assert not draft.live

    def test_by_copying_or_moving_it(self, role, draft):
        client = browser(role)
        client.raise_request_exception = False
        data = {"new_title": "Copy", "new_slug": "copy", "new_parent_page": archive_page().pk, "publish_copies": "on"}
        for copied in (draft, archive_page(), archive_page().get_parent()):
            more = {"copy_subpages": "on", "new_slug": f"copy-{copied.pk}"}
            client.post(reverse("wagtailadmin_pages:copy", args=[copied.pk]), data | more | {"alias": "on"})
            client.post(reverse("wagtailadmin_pages:copy", args=[copied.pk]), data | more)
        client.post(reverse("wagtailadmin_pages:move_confirm", args=[draft.pk, directory_page().pk]))
        assert list(Issue.objects.values_list("pk", "live")) == [(draft.pk, False)]
        assert Issue.objects.get().get_parent().specific == archive_page()

    def test_by_making_one(self, role, draft):
        client = browser(role)
        address = reverse("wagtailadmin_pages:add", args=["newsletter", "issue", archive_page().pk])
        assert client.get(address).status_code != 200
        client.post(address, issue_form(draft, title="Mine", slug="mine", period="2026-12", **{"action-publish": "1"}))
        assert list(Issue.objects.all()) == [draft]

    def test_by_its_privacy(self, role, draft):
        address = reverse("wagtailadmin_pages:set_privacy", args=[draft.pk])
        assert turned_away(browser(role).get(address))

    def test_nothing_changes_what_was_frozen(self, role, sent):
        client = browser(role)
        client.raise_request_exception = False
        site = Page.objects.get(pk=archive_page().get_parent().pk)
        client.post(edit(sent), issue_form(sent))
        for page in (sent, archive_page(), site):
            client.post(reverse("wagtailadmin_pages:unpublish", args=[page.pk]), {"include_descendants": "on"})
        for page in (sent, archive_page(), site):
            client.post(reverse("wagtailadmin_pages:delete", args=[page.pk]), {"confirm_site_name": "i-HOP"})
        for action in ("unpublish", "delete"):
            address = reverse("wagtail_bulk_action", args=["wagtailcore", "page", action])
            data = {"include_descendants": "on", "confirm_site_name": "i-HOP"}
            client.post(f"{address}?id={sent.pk}", data)
            client.post(f"{address}?id={archive_page().pk}", data)
        after = Issue.objects.get(pk=sent.pk)
        assert (after.live, after.subject, after.latest_revision_id) == (True, sent.subject, sent.latest_revision_id)


def edit(page) -> str:
    return reverse("wagtailadmin_pages:edit", args=[page.pk])


@pytest.mark.parametrize("role", ROLES)
def test_approval_taken_back_in_wagtail_takes_the_moment_with_it(role, draft):
    Issue.objects.filter(pk=draft.pk).update(live=True)
    Schedule.objects.create(issue=draft, send_at=timezone.now() + timedelta(days=3))
    browser(role).post(reverse("wagtailadmin_pages:unpublish", args=[draft.pk]))
    allowed = role in APPROVING
    assert Issue.objects.get(pk=draft.pk).live is not allowed
    assert Schedule.objects.exists() is not allowed


# --- The rest of the admin ------------------------------------------------------------------------

SETTINGS = "wagtailsettings:edit", ["newsletter", "newslettersettings"]
ADMIN = [
    # address, arguments, who may open it
    ("members:index", [], {ADVISER, OFFICER, ADMINISTRATOR, SUPERUSER}),
    ("members:overview", [], {ADVISER, OFFICER, ADMINISTRATOR, SUPERUSER}),
    ("members:find", [], {ADVISER, OFFICER, ADMINISTRATOR, SUPERUSER}),
    ("members:import", [], {OFFICER, ADMINISTRATOR, SUPERUSER}),
    ("suppressions:index", [], {OFFICER, ADMINISTRATOR, SUPERUSER}),
    ("wagtailsnippets_cms_sector:list", [], RUNNING),
    ("wagtailsnippets_cms_sector:add", [], RUNNING),
    ("wagtailsnippets_cms_topic:add", [], RUNNING),
    ("wagtailsnippets_membership_complaint:list", [], RUNNING),
    ("wagtailusers_users:index", [], RUNNING),
    ("wagtailusers_users:add", [], RUNNING),
    ("wagtailusers_groups:index", [], RUNNING),
    ("wagtailusers_groups:add", [], RUNNING),
    ("wagtailredirects:index", [], RUNNING),
    ("wagtailredirects:add", [], RUNNING),
    ("wagtailsites:index", [], RUNNING),
    ("wagtailadmin_workflows:index", [], RUNNING),
    ("wagtailadmin_workflows:add", [], RUNNING),
    ("wagtailadmin_collections:index", [], RUNNING),
    ("wagtailimages:index", [], WRITING),
    ("wagtailimages:add", [], WRITING),
    ("wagtaildocs:index", [], WRITING),
    ("wagtaildocs:add", [], WRITING),
    ("wagtailimages_chooser:choose", [], EVERYBODY),  # what it offers depends on the role: see below
]


@pytest.mark.parametrize("role", [*ROLES, SUPERUSER])
@pytest.mark.parametrize("method", ["get", "post"])
def test_rest_of_the_admin(role, method, db):
    client, wrong = browser(role), {}
    settings_page = (SETTINGS[0], [*SETTINGS[1], NewsletterSettings.load().pk], RUNNING)
    for name, args, allowed in [*ADMIN, settings_page]:
        response = getattr(client, method)(reverse(name, args=args))
        if turned_away(response) is (role in allowed):
            wrong[name] = (response.status_code, response.get("Location", ""))
    assert wrong == {}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_enters_the_admin_and_only_with_a_second_step(role, settings, db):
    client = browser(role)
    assert client.get(reverse("wagtailadmin_home")).status_code == 200
    settings.STAFF_MFA_REQUIRED = True
    assert client.get(reverse("wagtailadmin_home")).url == reverse("mfa_index")


@pytest.mark.parametrize("role", ROLES)
def test_entries_are_the_authors(role, db):
    entry = factories.entry(title="Theirs", live=False)
    client = browser(role)
    address = reverse("wagtailadmin_pages:add", args=["cms", "resource", directory_page().pk])
    assert (client.get(address).status_code == 200) is (role in WRITING)
    assert (client.get(edit(entry)).status_code == 200) is (role in WRITING)
    publish = reverse("wagtail_bulk_action", args=["wagtailcore", "page", "publish"])
    client.post(f"{publish}?id={entry.pk}")
    entry.refresh_from_db()
    assert entry.live is (role in WRITING)


@pytest.mark.parametrize("role", [AUTHOR, APPROVER, ADVISER, OFFICER])
def test_pages_outside_are_nobodys_but_the_administrators(role, db):
    home = archive_page().get_parent()
    client = browser(role)
    assert turned_away(client.get(edit(home)))
    assert turned_away(client.get(reverse("wagtailadmin_pages:add_subpage", args=[home.pk])))
    for page in (home, archive_page(), directory_page()):
        client.post(reverse("wagtailadmin_pages:delete", args=[page.pk]), {"confirm_site_name": "i-HOP"})
    assert Page.objects.filter(pk=home.pk).exists()


@pytest.mark.parametrize("role", ROLES)
def test_images_can_be_put_into_issues_by_whoever_shapes_them(role, db):
    Image.objects.create(title="A garden", file=get_test_image_file())
    text = browser(role).get(reverse("wagtailimages_chooser:choose")).content.decode()
    assert ("A garden" in text) is (role in SHAPING)


@pytest.mark.parametrize("role", [AUTHOR, APPROVER, ADVISER, OFFICER])
def test_settings_and_words_stay_as_they_are(role, db):
    before = NewsletterSettings.load().items_per_edition
    client = browser(role)
    client.post(reverse(SETTINGS[0], args=[*SETTINGS[1], NewsletterSettings.load().pk]), {"items_per_edition": 3})
    client.post(reverse("wagtailsnippets_cms_sector:delete", args=[Sector.objects.first().pk]))
    assert NewsletterSettings.load().items_per_edition == before
    assert Sector.objects.count() == 9


class TestAdministratorsStayBelowSuperusers:
    def account(self, **fields):
        return {"first_name": "Ann", "last_name": "Other", "password1": "", "password2": "", "is_active": "on"} | fields

    def test_make_accounts_but_no_superuser(self, db):
        client, secret = browser(ADMINISTRATOR), "correct-horse-battery"
        data = self.account(password1=secret, password2=secret)
        client.post(reverse("wagtailusers_users:add"), data | {"email": "one@example.org"})
        client.post(reverse("wagtailusers_users:add"), data | {"email": "two@example.org", "is_superuser": "on"})
        assert User.objects.get(email="one@example.org").is_superuser is False
        assert not User.objects.filter(email="two@example.org").exists()

    def test_raise_nobody_and_not_themselves(self, db):
        client, other = browser(ADMINISTRATOR), factories.UserFactory()
        for user in (other, client.user):
            data = self.account(email=user.email, is_superuser="on")
            client.post(reverse("wagtailusers_users:edit", args=[user.pk]), data)
        assert not User.objects.filter(is_superuser=True).exists()

    def test_touch_no_superuser(self, db):
        client, boss = browser(ADMINISTRATOR), person(SUPERUSER)
        before = User.objects.filter(pk=boss.pk).values().get()
        address = reverse("wagtailusers_users:edit", args=[boss.pk])
        secret = "correct-horse-battery"
        client.post(address, self.account(email="mine@example.org", password1=secret, password2=secret))
        bulk = reverse("wagtail_bulk_action", args=["membership", "user", "set_active_state"])
        client.post(f"{bulk}?id={boss.pk}", {"mark_as_active": "False"})
        client.post(reverse("wagtailusers_users:delete", args=[boss.pk]))
        assert User.objects.filter(pk=boss.pk).values().get() == before

    def test_superusers_do(self, db):
        client, other = browser(SUPERUSER), factories.UserFactory()
        data = self.account(email=other.email, is_superuser="on")
        client.post(reverse("wagtailusers_users:edit", args=[other.pk]), data)
        assert User.objects.get(pk=other.pk).is_superuser


# --- Making them ----------------------------------------------------------------------------------


def rights(name):
    group = Group.objects.get(name=name)
    return {
        "everywhere": set(group.permissions.values_list("codename", flat=True)),
        "pages": {(one.page.slug, one.permission.codename) for one in group.page_permissions.all()},
        "files": {one.permission.codename for one in group.collection_permissions.all()},
    }


def test_rights_of_authors_and_approvers_are_these_and_no_more():
    files = {f"{act}_{kind}" for act in ("add", "change", "choose") for kind in ("image", "document")}
    on_entries = {
        (place, f"{act}_page") for place in ("directory", "consortia") for act in ("add", "change", "publish")
    }
    assert rights(AUTHOR) == {
        "everywhere": {
            "access_admin",
            "moderate_submissions",
            "answer_messages",
            "care_for_entries",
            "see_enquiry_totals",
        },
        "pages": {*on_entries, ("e-news", "change_page")},
        "files": files,
    }
    assert rights(APPROVER) == {
        "everywhere": {"access_admin"},
        "pages": {("e-news", "change_page"), ("e-news", "publish_page")},
        "files": {"choose_image"},
    }


def test_administrators_have_everything_the_group_editor_offers(admin_client):
    group = Group.objects.get(name=ADMINISTRATOR)
    form = admin_client.get(reverse("wagtailusers_groups:edit", args=[group.pk])).context["form"]
    offered = set(form.fields["permissions"].queryset.values_list("codename", flat=True))
    assert rights(ADMINISTRATOR)["everywhere"] == offered
    assert {"manage_suppressions", "change_newslettersettings", "change_user", "add_redirect", "add_topic"} <= offered
    assert len(rights(ADMINISTRATOR)["pages"]) == 6


def test_making_them_again_leaves_alone_what_administrators_changed():
    group = Group.objects.get(name=AUTHOR)
    group.page_permissions.filter(page=archive_page()).delete()
    group.permissions.add(Permission.objects.get(codename="add_topic"))
    before = rights(AUTHOR)
    ensure_roles()
    ensure_roles()
    assert rights(AUTHOR) == before
    assert Group.objects.filter(name__in=ROLES).count() == len(ROLES)


def test_permission_that_does_not_exist_is_said_and_makes_no_group():
    with pytest.raises(ImproperlyConfigured, match="fly_kites"):
        staff.ensure_group("Kite flyer", ["cms.fly_kites"])
    assert not Group.objects.filter(name="Kite flyer").exists()


def test_permission_that_migrate_has_not_come_to_yet_is_made():
    Permission.objects.filter(content_type__app_label="wagtailredirects").delete()
    assert staff.find_permission("wagtailredirects.add_redirect").pk


class TestWagtailsOwnGroups:
    def make(self, page):
        group = Group.objects.create(name="Moderators")
        group.permissions.add(staff.find_permission(staff.ENTER))
        publish = staff.find_permission("wagtailcore.publish_page")
        GroupPagePermission.objects.create(group=group, page=page, permission=publish)
        task = GroupApprovalTask.objects.create(name="Moderators approval")
        task.groups.add(group)
        workflow = Workflow.objects.create(name="Moderators approval")
        WorkflowTask.objects.create(workflow=workflow, task=task)
        return group

    def test_are_not_in_a_new_installation(self):
        assert not Group.objects.filter(name__in=["Editors", "Moderators"]).exists()
        assert [one.name for one in Workflow.objects.all()] == [WORKFLOW]
        assert Task.objects.count() == 1

    def test_go_when_nobody_uses_them(self):
        self.make(Page.get_first_root_node())
        remove_wagtails_groups()
        self.test_are_not_in_a_new_installation()

    @pytest.mark.parametrize("why", ["somebody is in it", "more rights", "other pages"])
    def test_stay_when_somebody_made_them_their_own(self, why):
        group = self.make(directory_page() if why == "other pages" else Page.get_first_root_node())
        if why == "somebody is in it":
            factories.UserFactory().groups.add(group)
        if why == "more rights":
            group.permissions.add(Permission.objects.get(codename="add_topic"))
        remove_wagtails_groups()
        assert Group.objects.filter(pk=group.pk).exists()
        assert Workflow.objects.filter(name="Moderators approval").exists()

    def test_stay_in_an_installation_that_has_its_roles(self):
        group = self.make(Page.get_first_root_node())
        ensure_roles()
        assert Group.objects.filter(pk=group.pk).exists()
