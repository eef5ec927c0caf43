"""Answering what people offered: the workflow, the desk, the mails, the panel of the home page, and forgetting."""

from datetime import date, timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.models import ModelLogEntry, PageLogEntry, Revision, Task, TaskState, Workflow, WorkflowState

from cms import moderating, scheduled, telling
from cms.erasing import forget_addresses
from cms.models import AssuranceRequest, CaseStudy, CheckedLink, Entry, Kind, Message, Service, Submission
from cms.retention import RULES
from cms.tasks import keep_up
from config.outbox import OutboxBackend
from membership import erasing
from membership.models import User
from tests.cms.forms import entry_form
from tests.cms.offers import confirmation, mails, offer, waiting
from tests.factories import UserFactory, entry, subscription

pytestmark = pytest.mark.django_db
State = Submission.State
LIST = "/admin/hub/submissions/"


@pytest.fixture(autouse=True)
def mail_to_files(settings):
    settings.EMAIL_BACKEND = "config.outbox.OutboxBackend"
    cache.clear()


@pytest.fixture
def person(django_capture_on_commit_callbacks):
    """A browser, of one of the staff or of nobody, whose every request ends with what waited for the commit."""

    class Person(Client):
        def request(self, **request):
            with django_capture_on_commit_callbacks(execute=True):
                return super().request(**request)

    def make(user=None):
        client = Person()
        if user:
            client.force_login(user)
        return client

    return make


@pytest.fixture
def editor():
    user = UserFactory(email="editor@example.org")
    user.groups.add(Group.objects.get(name="Author"))
    return user


@pytest.fixture
def desk(person, editor):
    return person(editor)


def action(submission, name="approve"):
    """The address of a button of Wagtail's workflow."""
    state = TaskState.objects.get(workflow_state__object_id=str(submission.entry_id), status="in_progress")
    return f"/admin/pages/workflow/action/{submission.entry_id}/{name}/{state.pk}/"


def answered(submission):
    submission.refresh_from_db()
    return submission.state, submission.answered_by, submission.reason


# --- The whole way -------------------------------------------------------------------------------


def test_from_the_form_to_the_directory(person, desk, editor):
    visitor = person()
    offer(visitor, "service", body="It leaves at nine.")
    visitor.post(confirmation(mails()[0]))
    one = Submission.objects.get()
    assert one.reference in desk.get(LIST).content.decode()
    assert f'href="/admin/pages/{one.entry_id}/edit/"' in desk.get(f"{LIST}{one.pk}/").content.decode()
    assert desk.get(f"/admin/pages/{one.entry_id}/edit/").status_code == 200

    assert desk.post(action(one), {"comment": ""}).status_code == 302
    assert answered(one) == (State.PUBLISHED, editor, "")
    assert one.answered_at
    page = visitor.get("/directory/saturday-visits-bus/")
    assert page.status_code == 200
    assert "It leaves at nine." in page.content.decode()
    assert "Saturday visits bus" in visitor.get("/directory/").content.decode()
    (mail,) = mails("Published")
    assert mail["To"] == "sam@example.org"
    assert "/directory/saturday-visits-bus/" in mail.get_content()
    assert not WorkflowState.objects.active().exists()


def test_editors_are_told_that_something_waits(person, editor):
    visitor = person()
    offer(visitor)
    visitor.post(confirmation(mails()[0]))
    assert [mail["To"] for mail in mails("submitted for approval")] == [editor.email]


def test_a_mail_server_that_fails_keeps_nobody_from_confirming(person, editor, settings):
    visitor = person()
    offer(visitor)
    path = confirmation(mails()[0])
    settings.EMAIL_BACKEND = "tests.no_such_backend"
    assert visitor.post(path).status_code == 200
    assert Submission.objects.get().state == State.WAITING


def test_publishing_in_the_editor_answers_as_well(desk, editor, django_capture_on_commit_callbacks):
    one = waiting()
    with django_capture_on_commit_callbacks(execute=True):
        one.entry.specific.get_latest_revision().publish(user=editor)
    assert answered(one)[0] == State.PUBLISHED
    assert not WorkflowState.objects.active().exists(), "its workflow ends with it"
    assert len(mails("Published")) == 1


def test_published_once_is_told_once(django_capture_on_commit_callbacks):
    one = waiting()
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            one.entry.specific.save_revision().publish()
        assert not moderating.published(entry=one.entry)
    assert len(mails("Published")) == 1


def test_page_that_is_only_scheduled_is_not_published_yet(django_capture_on_commit_callbacks):
    one = waiting()
    page = one.entry.specific
    page.go_live_at = timezone.now() + timedelta(days=2)
    with django_capture_on_commit_callbacks(execute=True):
        page.save_revision().publish()
    assert answered(one)[0] == State.WAITING
    assert not mails("Published")


def test_other_pages_are_published_without_a_word(django_capture_on_commit_callbacks):
    page = entry(live=False)
    with django_capture_on_commit_callbacks(execute=True):
        page.save_revision().publish()
    assert not mails()


# --- Case studies --------------------------------------------------------------------------------


def test_case_study_cannot_be_approved_unchecked(desk, editor):
    one = waiting("case-study")
    assert desk.post(action(one), {"comment": ""}).status_code == 302
    study = CaseStudy.objects.get()
    assert not study.live
    assert answered(one)[0] == State.WAITING
    assert study.current_workflow_state.status == "in_progress"
    assert not mails("Published")


def test_editor_of_an_unchecked_case_study_says_what_is_missing(desk):
    one = waiting("case-study")
    form = entry_form("A quiet corner", setting="A hall") | {
        "action-workflow-action": "1",
        "workflow-action-name": "approve",
    }
    response = desk.post(f"/admin/pages/{one.entry_id}/edit/", form)
    assert response.status_code == 200
    assert set(response.context["form"].errors) == {"anonymity_checked_by", "anonymity_checked_on"}
    assert answered(one)[0] == State.WAITING


def test_case_study_is_approved_once_it_is_checked(desk, editor, member_client, client):
    one = waiting("case-study")
    study = CaseStudy.objects.get()
    study.anonymity_checked_by, study.anonymity_checked_on = editor, date(2026, 11, 1)
    study.save_revision()
    assert desk.post(action(one), {"comment": ""}).status_code == 302
    assert answered(one)[:2] == (State.PUBLISHED, editor)
    address = f"/directory/{study.slug}/"
    assert "We moved the chairs" in member_client.get(address).content.decode()
    assert "We moved the chairs" not in client.get(address).content.decode()


# --- Refusing ------------------------------------------------------------------------------------


def test_refusing_ends_the_workflow_and_tells_the_reason(desk, editor):
    one = waiting()
    response = desk.post(f"{LIST}{one.pk}/", {"reason": "It is outside England.\r\nAsk <b>our</b> colleagues.\x1b"})
    assert response.status_code == 302
    reason = "It is outside England.\nAsk <b>our</b> colleagues."
    assert answered(one) == (State.REFUSED, editor, reason)
    assert not Entry.objects.get().live
    assert not WorkflowState.objects.active().exists()
    (mail,) = mails(one.reference)[-1:]
    assert reason in mail.get_content().replace("\r\n", "\n")
    logged = ModelLogEntry.objects.get(action="cms.refuse")
    assert (logged.user, logged.data) == (editor, {"reference": one.reference})
    text = desk.get(f"{LIST}{one.pk}/").content.decode()
    assert "&lt;b&gt;our&lt;/b&gt;" in text
    assert 'name="reason"' not in text


def test_refused_once_is_told_once(editor, django_capture_on_commit_callbacks):
    one = waiting()
    with django_capture_on_commit_callbacks(execute=True):
        assert moderating.refuse(submission=one, reason="No.", by=editor)
        assert not moderating.refuse(submission=one, reason="No again.", by=editor)
        one.entry.specific.get_latest_revision().publish()
    assert answered(one)[0] == State.REFUSED
    assert len(mails()) == 1


def test_published_cannot_be_refused(desk):
    one = waiting()
    one.entry.specific.get_latest_revision().publish()
    assert desk.post(f"{LIST}{one.pk}/", {"reason": "Too late."}).status_code == 302
    assert answered(one)[0] == State.PUBLISHED


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 1001])
def test_refusing_needs_a_reason(desk, reason):
    one = waiting()
    assert desk.post(f"{LIST}{one.pk}/", {"reason": reason}).status_code == 400
    assert answered(one)[0] == State.WAITING


def test_direction_marks_alone_are_no_reason(desk):
    one = waiting()
    response = desk.post(f"{LIST}{one.pk}/", {"reason": "\u202e\u200b"})
    assert response.status_code == 400
    assert "Say why" in response.content.decode()


def test_request_for_changes_is_a_refusal_with_the_comment(desk, editor):
    one = waiting()
    assert desk.post(action(one, "reject"), {"comment": "We need the opening hours."}).status_code == 302
    assert answered(one) == (State.REFUSED, editor, "We need the opening hours.")
    assert not WorkflowState.objects.active().exists()
    assert "We need the opening hours." in mails("About what you offered")[0].get_content()


def test_request_for_changes_without_a_comment_tells_nobody(desk):
    one = waiting()
    desk.post(action(one, "reject"), {"comment": ""})
    assert answered(one)[0] == State.WAITING
    assert not mails("About")
    assert desk.post(f"{LIST}{one.pk}/", {"reason": "It is past."}).status_code == 302
    assert answered(one)[0] == State.REFUSED


def test_draft_that_was_deleted_can_still_be_refused(desk):
    one = waiting()
    one.entry.specific.delete()
    assert "has been deleted" in desk.get(f"{LIST}{one.pk}/").content.decode()
    assert desk.post(f"{LIST}{one.pk}/", {"reason": "We have it already."}).status_code == 302
    assert answered(one)[0] == State.REFUSED


def test_refusing_takes_back_a_day_that_another_editor_chose(editor):
    one = waiting()
    page = one.entry.specific
    page.go_live_at = timezone.now() + timedelta(days=2)
    page.save_revision().publish(user=editor)
    assert moderating.refuse(submission=one, reason="It is past.", by=editor)
    with time_machine.travel(timezone.now() + timedelta(days=3)):
        assert scheduled.run_due() == scheduled.Done(0, 0, 0)
    assert not Entry.objects.get().live
    assert PageLogEntry.objects.filter(action="wagtail.schedule.cancel", user=editor).count() == 1


# --- Told once, and told at last -----------------------------------------------------------------


class Down(OutboxBackend):
    """A provider that refuses, or is lost after it took the mail."""

    error: Exception = ConnectionRefusedError()

    def send_messages(self, email_messages):
        raise self.error


class Lost(Down):
    error = TimeoutError()


@pytest.fixture
def refuse_one(editor, django_capture_on_commit_callbacks):
    def act(one):
        with django_capture_on_commit_callbacks(execute=True):
            assert moderating.refuse(submission=one, reason="It is past.", by=editor)
        one.refresh_from_db()

    return act


def test_answer_that_could_not_be_sent_is_sent_later_and_once(refuse_one, settings):
    one, working = waiting(), settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.Down"
    refuse_one(one)
    assert one.told_at is None
    assert telling.tell_waiting() == 0
    settings.EMAIL_BACKEND = working
    assert [telling.tell_waiting(), telling.tell_waiting(), telling.tell(one.pk)] == [1, 0, False]
    (mail,) = mails("About what you offered")
    assert "It is past." in mail.get_content()


def test_published_answer_is_made_up_with_its_address(settings, django_capture_on_commit_callbacks):
    one, working = waiting(), settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "tests.no_such_backend"
    with django_capture_on_commit_callbacks(execute=True):
        one.entry.specific.get_latest_revision().publish()
    settings.EMAIL_BACKEND = working
    keep_up()
    assert "/directory/saturday-visits-bus/" in mails("Published")[0].get_content()


def test_mail_that_may_have_arrived_is_not_sent_again(refuse_one, settings):
    one, working = waiting(), settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.Lost"
    refuse_one(one)
    settings.EMAIL_BACKEND = working
    assert one.told_at
    assert telling.tell_waiting() == 0


def test_nobody_is_told_after_a_week_nor_by_a_restored_copy_nor_against_their_will(refuse_one, settings):
    settings.EMAIL_BACKEND, working = f"{__name__}.Down", settings.EMAIL_BACKEND
    one = waiting()
    refuse_one(one)
    settings.EMAIL_BACKEND, settings.SENDING_ARMED = working, False
    assert telling.tell_waiting() == 0
    settings.SENDING_ARMED = True
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert telling.tell_waiting() == 0
    subscription(one.email, suppressed=True)
    assert telling.tell_waiting() == 0
    assert not mails("About")


# --- The workflow --------------------------------------------------------------------------------


def test_one_workflow_serves_all_and_no_page_has_it():
    waiting()
    waiting("resource")
    workflow = Workflow.objects.get(name=moderating.WORKFLOW)
    assert not workflow.workflow_pages.exists()
    (task,) = workflow.tasks
    assert {"Author"} <= {group.name for group in task.specific.groups.all()}
    assert not entry(live=False).has_workflow, "what authors write needs none"


def test_workflow_without_a_step_publishes_nothing():
    waiting()
    Task.objects.update(active=False)
    one = waiting("resource")
    assert not one.entry.live
    assert answered(one)[0] == State.WAITING
    assert not one.entry.current_workflow_state


def test_others_cannot_approve(person, member_client):
    one = waiting()
    outsider = UserFactory()
    outsider.user_permissions.add(Permission.objects.get(codename="access_admin"))
    person(outsider).post(action(one), {"comment": ""})
    member_client.post(action(one), {"comment": ""})
    assert answered(one)[0] == State.WAITING


# --- The desk ------------------------------------------------------------------------------------


def test_desk_needs_its_permission(person, member_client, client):
    one = waiting()
    outsider = UserFactory()
    outsider.user_permissions.add(Permission.objects.get(codename="access_admin"))
    for somebody in (person(outsider), member_client, client):
        for address in (LIST, f"{LIST}{one.pk}/"):
            assert somebody.get(address).status_code in {302, 403}
        somebody.post(f"{LIST}{one.pk}/", {"reason": "No."})
    assert answered(one)[0] == State.WAITING


def test_what_nobody_confirmed_is_not_on_the_desk(desk, person):
    offer(person())
    one = Submission.objects.get()
    assert one.reference not in desk.get(LIST).content.decode()
    assert one.reference not in desk.get(f"{LIST}?state=unconfirmed").content.decode()
    assert desk.get(f"{LIST}{one.pk}/").status_code == 404


def test_waiting_first_and_the_oldest_first(desk, editor):
    first, second, third = (waiting(title=f"Offer {number}", email=f"{number}@example.org") for number in range(3))
    Submission.objects.filter(pk=third.pk).update(made_at=timezone.now() - timedelta(days=3))
    moderating.refuse(submission=first, reason="No.", by=editor)
    assert [one.pk for one in desk.get(LIST).context["page_obj"]] == [third.pk, second.pk, first.pk]
    assert [one.pk for one in desk.get(f"{LIST}?state=refused").context["page_obj"]] == [first.pk]
    assert [one.pk for one in desk.get(f"{LIST}?kind=event").context["page_obj"]] == []


@pytest.mark.parametrize("query", ["?p=999999", "?p=x", "?state=nonsense", "?kind=%00", "?state=waiting&kind=service"])
def test_list_bears_any_question(desk, query):
    waiting()
    assert desk.get(LIST + query).status_code == 200


@pytest.mark.parametrize("address", [LIST, "/admin/"])
def test_desk_takes_as_many_queries_for_many(desk, editor, address):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(address).status_code == 200
        return [query["sql"] for query in captured if "cms_" in query["sql"]]

    def more(number):
        for one in range(number):
            made = waiting(title=f"Offer {number} {one}", email=f"{number}-{one}@example.org")
            made.entry.specific.current_workflow_state.cancel()  # Wagtail's own panel reads each page
            Message.objects.create(reference=f"M-{number}-{one}", text="?", received_at=timezone.now())

    more(2)
    queries()
    few = len(queries())
    more(6)
    assert len(queries()) == few


# --- The panel of the home page ------------------------------------------------------------------


def test_home_page_counts_what_waits(desk):
    waiting()
    Submission.objects.update(confirmed_at=timezone.now() - timedelta(days=9))
    Message.objects.create(reference="M-1", text="?", received_at=timezone.now())
    Message.objects.create(reference="M-2", text="?", received_at=timezone.now(), answered_at=timezone.now())
    entry(review_due=timezone.localdate() - timedelta(days=1))
    entry(review_due=timezone.localdate() - timedelta(days=1), live=False)
    for number, ignored in enumerate([False, False, True]):
        url = f"https://example.org/{number}"
        CheckedLink.objects.create(url=url, state=CheckedLink.State.BROKEN, ignored=ignored)
    text = " ".join(desk.get("/admin/").content.decode().split())
    assert '<b class="hub-some">1</b> submission waits for an editor' in text
    assert '<b class="hub-some">1</b> message is not answered' in text
    assert '<b class="hub-some">1</b> entry is due for review' in text
    assert '<b class="hub-some">2</b> links are broken' in text
    assert f'href="{LIST}"' in text
    assert "1 week, 2 days" in text.replace("\xa0", " ")


def test_home_page_shows_each_line_to_whom_it_concerns(person):
    user = UserFactory()
    for name in ("access_admin", "answer_messages"):
        user.user_permissions.add(Permission.objects.get(codename=name))
    text = person(user).get("/admin/").content.decode()
    assert "messages are not answered" in text
    assert "wait for an editor" not in text
    user.user_permissions.remove(Permission.objects.get(codename="answer_messages"))
    assert 'id="hub-panel' not in person(User.objects.get(pk=user.pk)).get("/admin/").content.decode()


# --- Forgetting ----------------------------------------------------------------------------------


def everything():
    """The whole database as text."""
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += [f"{table}: {row}" for row in cursor.fetchall()]
    return "\n".join(rows)


def test_person_is_forgotten_wherever_their_address_stands(editor):
    published = waiting(ask_again=True)
    published.entry.specific.get_latest_revision().publish()
    waiting("resource", ask_again=True)
    refused = waiting("event", title="A refused day")
    moderating.refuse(submission=refused, reason="It is past.", by=editor)
    Message.objects.create(reference="M-1", email="sam@example.org", text="Hello", received_at=timezone.now())
    entry(Kind.SERVICE, contact_email="Sam@Example.org").save_revision()
    other = waiting(email="eve@example.org", title="Another bus", ask_again=True)
    assert "sam@example.org" in everything()

    forget_addresses(["sam@example.org"])

    text = everything().lower()
    for trace in ("sam@example.org", "a refused day", "a book for bedtime"):
        assert not [line for line in text.splitlines() if trace in line and "log" not in line.split(":")[0]]
    assert "sam@example.org" not in text
    assert list(Submission.objects.all()) == [other]
    assert not Message.objects.exists()
    assert Service.objects.get(pk=published.entry_id).live, "what was published stays"
    assert Service.objects.get(pk=other.entry_id).contact_email == "eve@example.org"
    pages = {str(pk) for pk in Entry.objects.values_list("pk", flat=True)}
    assert set(Revision.objects.page_revisions().values_list("object_id", flat=True)) <= pages
    assert set(WorkflowState.objects.values_list("object_id", flat=True)) <= pages
    assert not ModelLogEntry.objects.filter(action="cms.refuse").exists()
    assert PageLogEntry.objects.filter(page=other.entry_id).exists()


def test_forgetting_takes_as_many_queries_for_many():
    def queries(addresses):
        with CaptureQueriesContext(connection) as captured:
            forget_addresses(addresses)
        return len(captured)

    def people(number):
        found = [f"{number}-{one}@example.org" for one in range(number)]
        for one, address in enumerate(found):
            made = waiting("resource", email=address, title=f"Book {number} {one}", ask_again=True)
            made.entry.specific.get_latest_revision().publish()
        return found

    queries(people(1))
    few = queries(people(2))
    assert queries(people(6)) == few


def test_answered_submissions_go_after_thirteen_months_with_a_refused_draft(editor):
    published, refused, open_one = waiting(), waiting("resource"), waiting("event")
    published.entry.specific.get_latest_revision().publish()
    moderating.refuse(submission=refused, reason="No.", by=editor)
    Submission.objects.exclude(answered_at=None).update(answered_at=timezone.now() - timedelta(days=396))
    (rule,) = [rule for rule in RULES if rule.name == "submissions"]
    assert sum(rule.batches()) == 2
    assert list(Submission.objects.all()) == [open_one]
    assert set(Entry.objects.values_list("pk", flat=True)) == {published.entry_id, open_one.entry_id}


def test_erasing_a_member_forgets_what_they_offered_and_discarding_a_sign_up_does_not(settings, tmp_path):
    settings.ERASURE_JOURNAL = str(tmp_path / "erasures.jsonl")
    waiting(ask_again=True)
    user = subscription("sam@example.org").member.user
    erasing.discard([user])
    assert Submission.objects.exists(), "nobody proved that the sign-up was theirs"
    user = subscription("sam@example.org").member.user
    erasing.erase_all([user])
    assert not Submission.objects.exists()
    assert not Entry.objects.exists()


def test_address_that_stands_only_in_a_draft_or_an_older_version_is_forgotten():
    page = entry(Kind.SERVICE, contact_email="eve@example.org")
    page.contact_email = "Sam@Example.org"
    page.save_revision()
    page.contact_email = "eve@example.org"
    page.save_revision()
    draft = entry(Kind.SERVICE, contact_email="")
    draft.contact_email = "sam@example.org"
    draft.save_revision()
    gone = forget_addresses(["sam@example.org"])
    assert gone.listings == 2
    assert "sam@example.org" not in everything().lower()
    Revision.objects.filter(object_id=str(draft.pk)).get().publish()
    assert Service.objects.get(pk=draft.pk).contact_email == ""
    assert Service.objects.get(pk=page.pk).contact_email == "eve@example.org"


def test_what_a_contact_answered_is_forgotten_with_the_contact():
    for number, address in enumerate(["sam@example.org", "eve@example.org"]):
        AssuranceRequest.objects.create(
            entry=entry(Kind.SERVICE, contact_email=address),
            token_hash=str(number),
            asked_at=timezone.now(),
            answer="changed",
            text=f"Signed {address}",
        )
    forget_addresses(["sam@example.org"])
    assert [one.text for one in AssuranceRequest.objects.order_by("pk")] == ["", "Signed eve@example.org"]


def test_logs_keep_neither_the_title_of_a_draft_nor_a_comment(desk, editor):
    refused, published = waiting(title="A bus of Sam Sample"), waiting("resource")
    desk.post(action(refused, "reject"), {"comment": "Sam Sample rang us."})
    desk.post(action(published), {"comment": "Sam Sample is known to us."})
    kept = waiting("event", email="eve@example.org")
    desk.post(action(kept), {"comment": "Eve is known to us."})
    forget_addresses(["sam@example.org"])
    text = everything()
    assert "Sam Sample rang" not in text
    assert "Sam Sample is known" not in text
    assert "A bus of Sam Sample" not in text
    assert "Eve is known" in text
    assert PageLogEntry.objects.filter(page=published.entry_id, action="wagtail.workflow.approve").exists()


def test_what_nobody_answered_goes_after_two_years():
    old, young = waiting(), waiting("event", email="eve@example.org")
    Submission.objects.filter(pk=old.pk).update(made_at=timezone.now() - timedelta(days=732))
    for number, days in enumerate([732, 700]):
        received = timezone.now() - timedelta(days=days)
        Message.objects.create(reference=f"M-{number}", text="?", received_at=received)
    for rule in RULES:
        list(rule.batches())
    assert list(Submission.objects.all()) == [young]
    assert list(Entry.objects.values_list("pk", flat=True)) == [young.entry_id]
    assert [one.reference for one in Message.objects.all()] == ["M-1"]
