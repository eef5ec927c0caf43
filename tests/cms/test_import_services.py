"""`import_services`: both formats, again and again, nothing half done, and nothing harmful taken over."""

import json
from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.models import Page, PageLogEntry, Revision

from cms.models import AgeGroup, Kind, Service, Topic
from cms.models.search import SearchFacets, SearchText
from cms.openreferral import rows
from tests.factories import entry

pytestmark = pytest.mark.django_db

COLUMNS = "id,name,summary,description,publisher,link,area,who_it_helps,how_to_refer,phone,email,opening_hours,cost"
FULL = {
    "id": "ac148810-d857-441c-9679-408f346de14b",
    "name": "Community counselling",
    "description": "Counselling by trained people.\nFor <b>anybody</b> over 12.\n<script>alert(1)</script>Ring first.",
    "url": "https://counselling.example.org/",
    "email": "desk@example.org",
    "status": "active",
    "fees": "Free",
    "assured_date": "2026-09-01",
    "organization": {"id": "x", "name": "Example Trust", "description": "A trust"},
    "phones": [{"id": "y", "number": "0191 498 0123"}],
    "service_areas": [{"name": "Leeds"}, {"name": "York"}],
    "schedules": [{"description": "Weekdays, 10am to 6pm"}],
    "attributes": [
        {"taxonomy_term": {"taxonomy": "Their own", "name": "parenting"}},
        {"taxonomy_term": {"taxonomy": "Their own", "name": "Somersaults"}},
        {"taxonomy_term": {"taxonomy": "i-HOP sectors", "code": "health"}},
    ],
}


@pytest.fixture
def write(tmp_path):
    def written(content, name="services.json"):
        path = tmp_path / name
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return written


def run(path, *options):
    out = StringIO()
    call_command("import_services", path, "--json", *options, stdout=out)
    return json.loads(out.getvalue().splitlines()[-1])


def counts(answer):
    return {name: answer[name] for name in ("new", "changed", "unchanged", "rejected") if answer[name]}


def service(title="Visits", topics=(), ages=(), **fields):
    page = entry(Kind.SERVICE, title=title, **fields)
    page.topics.set(Topic.objects.filter(slug__in=topics))
    page.age_groups.set(AgeGroup.objects.filter(slug__in=ages))
    page.save()
    return page


# --- Open Referral -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrap", [lambda one: one, lambda one: [one], lambda one: {"page": 1, "contents": [one], "z": 2}]
)
def test_a_service_becomes_a_draft_whichever_way_it_is_wrapped(write, wrap):
    answer = run(write(wrap(FULL)))
    assert (answer["rows"], counts(answer)) == (1, {"new": 1})
    page = Service.objects.get(imported_as=FULL["id"])
    assert not page.live
    assert (page.title, page.summary) == ("Community counselling", "Counselling by trained people.")
    assert (page.publisher, page.area, page.phone) == ("Example Trust", "Leeds, York", "0191 498 0123")
    assert (page.opening_hours, page.cost, page.email) == ("Weekdays, 10am to 6pm", "Free", "desk@example.org")
    assert page.assured_on == date(2026, 9, 1)
    assert page.review_due == date(2026, 9, 1) + timedelta(days=183)
    assert [term.slug for term in page.sectors.all()] == ["health"]
    assert [term.slug for term in page.topics.all()] == ["parenting"]
    assert "<script" not in page.body
    assert "For anybody over 12." in page.body
    assert page.latest_revision.content["title"] == page.title


def test_the_same_file_again_touches_nothing(write):
    path = write([FULL])
    run(path, "--publish")
    before = Service.objects.values().get(imported_as=FULL["id"])
    revisions = Service.objects.get().revisions.count()
    assert counts(run(path, "--publish")) == {"unchanged": 1}
    assert Service.objects.values().get(imported_as=FULL["id"]) == before
    assert Service.objects.get().revisions.count() == revisions


def test_published_at_once_if_asked(write, client):
    run(write([FULL]), "--publish")
    page = Service.objects.get()
    assert page.live
    assert page.first_published_at
    assert client.get(page.url).status_code == 200


def test_what_changed_at_the_source_changes_ours_and_stays_published(write):
    run(write([FULL]), "--publish")
    page = Service.objects.get()
    changed = FULL | {"fees": "£5", "attributes": [{"taxonomy_term": {"taxonomy": "i-HOP sectors", "code": "schools"}}]}
    assert counts(run(write([changed]))) == {"changed": 1}
    again = Service.objects.get()
    assert again.live
    assert again.cost == "£5"
    assert [term.slug for term in again.sectors.all()] == ["schools"]
    assert [term.slug for term in again.topics.all()] == ["parenting"], "the source no longer says anything of topics"
    assert again.live_revision_id == again.latest_revision_id != page.latest_revision_id
    assert again.slug == page.slug


def test_a_draft_that_changed_at_the_source_stays_a_draft(write):
    run(write([FULL]))
    path = write([FULL | {"fees": "£5"}])
    assert counts(run(path, "--publish")) == {"changed": 1}
    page = Service.objects.get()
    assert not page.live
    assert page.get_latest_revision_as_object().cost == "£5"
    assert counts(run(path)) == {"unchanged": 1}


def test_an_editors_unpublished_work_is_not_written_over(write):
    run(write([FULL]), "--publish")
    page = Service.objects.get()
    page.summary = "Better words."
    page.save_revision()
    answer = run(write([FULL | {"fees": "£5"}]))
    assert counts(answer) == {"rejected": 1}
    assert "not published it yet" in answer["problems"][0]["problem"]
    assert Service.objects.get().get_latest_revision_as_object().summary == "Better words."


def test_what_one_hub_gives_another_takes_over_the_same(client, write):
    service(
        "Visitors’ centre & café",
        topics=["visits", "babies"],
        ages=["under-3"],
        sectors=["health", "schools"],
        regions=["north-east"],
        summary="A warm place to wait.",
        body='<p>Staffed <b>play</b>.</p><h3>Ask for</h3><ul><li><a href="https://a.example.org/">tea</a></li></ul>',
        publisher="Northern Trust",
        link="https://trust.example.org/centres",
        who_it_helps="Families",
        how_to_refer="Ring first.",
        phone="0191 498 0123",
        email="centres@example.org",
        opening_hours="On visiting days",
        cost="Free",
        assured_on=date(2026, 10, 1),
        reader="families",
        evidence="practice",
    )
    service("Bare")
    fields = ["title", "summary", "body", "publisher", "link", "area", "who_it_helps", "how_to_refer", "phone", "email"]
    fields += ["opening_hours", "cost", "assured_on", "reader", "evidence"]

    def all_of_it():
        return [
            [getattr(page, name) for name in fields]
            + [
                {term.slug for term in getattr(page, name).all()}
                for name in ("sectors", "regions", "topics", "age_groups")
            ]
            for page in Service.objects.order_by("title")
        ]

    before, exported = all_of_it(), client.get("/openreferral/services").content
    path = write(exported)
    assert counts(run(path)) == {"rejected": 2}, "a hub has nothing to take over from itself"
    for page in Service.objects.all():
        page.delete()
    assert counts(run(path, "--publish")) == {"new": 2}
    assert all_of_it() == before
    assert counts(run(path)) == {"unchanged": 2}
    again = [
        {name: value for name, value in one.items() if name in ("name", "description", "status", "ihop")}
        for one in client.get("/openreferral/services").json()["contents"]
    ]
    first = [
        {name: value for name, value in one.items() if name in ("name", "description", "status", "ihop")}
        for one in json.loads(exported)["contents"]
    ]
    for one in (*again, *first):
        one["ihop"].pop("page")
    assert again == first


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"id": None}, "no id"),
        ({"id": "x" * 201}, "no id"),
        ({"name": " "}, "no name"),
        ({"name": "x" * 300}, "no name"),
        ({"name": {"a": 1}}, "must be a text"),
        ({"description": ""}, "no description"),
        ({"description": "x" * 30_000}, "longer than"),
        ({"url": "javascript:alert(1)"}, "http://"),
        ({"url": "//example.org"}, "http://"),
        ({"url": "https://example.org/" + "x" * 300}, "longer than"),
        ({"email": "nobody"}, "e-mail address"),
        ({"assured_date": "1st of May"}, "2026-10-25"),
        ({"assured_date": "2026-02-31"}, "2026-10-25"),
        ({"status": "defunct"}, "defunct"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_row_that_cannot_be_taken_is_reported_and_the_others_are_taken(write, change, word):
    answer = run(write([FULL, FULL | {"id": "second"} | change, FULL | {"id": "third"}]))
    assert counts(answer) == {"new": 2, "rejected": 1}
    (problem,) = answer["problems"]
    assert problem["row"] == 2
    assert word in problem["problem"]
    assert Service.objects.count() == 2


@pytest.mark.parametrize("row", [None, 7, "text", [], {}], ids=ascii)
def test_what_is_no_service_is_reported(write, row):
    assert counts(run(write([row, FULL]))) == {"new": 1, "rejected": 1}


@pytest.mark.parametrize(
    "odd",
    [
        {"phones": "0191"},
        {"phones": [None, {"number": None}, 7]},
        {"service_areas": {}},
        {"attributes": [{"taxonomy_term": "x"}, {"taxonomy_term": {"taxonomy": ["x"], "name": 3}}, 1]},
        {"organization": []},
        {"contacts": [{"phones": [{"number": "1"}]}]},
        {"ihop": {"summary": 7, "body": "<p>x</p>", "reader": "nobody"}},
        {"ihop": "x"},
        {"name": "\ud800 half \u202e a\x00 name\r\n"},
    ],
    ids=lambda value: ascii(value)[:45],
)
def test_odd_shapes_do_no_harm(write, odd):
    assert counts(run(write([FULL | odd]))) == {"new": 1}
    assert Service.objects.get().title in ("Community counselling", "half a name")


def test_harmful_text_is_harmless_on_the_page(write, client):
    bad = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    ours = {"summary": f"S {bad}", "body": f'<p onclick="a()">B {bad}<a href="javascript:a()">x</a></p>'}
    run(write([FULL | {"name": f"N {bad}", "fees": bad, "ihop": ours}]), "--publish")
    text = client.get(Service.objects.get().url).content.decode()
    for sign in ("<script>alert", "<img src=x", "onclick=", "javascript:"):
        assert sign not in text


def test_what_a_field_cannot_hold_stands_in_the_body(write):
    long = "Parents, carers and children " * 20
    run(write([FULL | {"eligibility_description": long}]))
    page = Service.objects.get()
    assert len(page.who_it_helps) <= 200
    assert page.who_it_helps.endswith("…")
    assert f"<h3>Who it helps</h3><p>{long.strip()}</p>" in page.body
    assert counts(run(write([FULL | {"eligibility_description": long}]))) == {"unchanged": 1}


def test_the_same_id_twice_counts_once(write):
    answer = run(write([FULL, FULL | {"name": "Again"}]))
    assert counts(answer) == {"new": 1, "rejected": 1}
    assert answer["problems"] == [{"row": 2, "problem": "The same id as in row 1."}]


# --- CSV -----------------------------------------------------------------------------------------


def test_a_csv_is_read_by_the_names_of_its_columns(write):
    text = (
        "ID;Name;Summary;Description;Sectors;Regions;Assured on;Link\n"
        'a-1;Visits;For families.;"One <b>.\n\nTwo.";Health; schools;;2026-10-01;https://a.example.org/\n'
    )
    text = text.replace("Health; schools", '"Health; schools"')
    assert counts(run(write("\ufeff" + text, "s.csv"), "--publish")) == {"new": 1}
    page = Service.objects.get(imported_as="a-1")
    assert page.body == "<p>One &lt;b&gt;.</p><p>Two.</p>"
    assert {term.slug for term in page.sectors.all()} == {"health", "schools"}
    assert (page.area, page.assured_on) == ("Not stated", date(2026, 10, 1))
    assert counts(run(write("\ufeff" + text, "s.csv"))) == {"unchanged": 1}


def test_columns_that_a_csv_has_not_are_left_as_they_are(write):
    run(write([FULL]), "--publish")
    assert counts(run(write(f"id,name,summary\n{FULL['id']},New name,New summary\n", "s.csv"))) == {"changed": 1}
    page = Service.objects.get()
    assert (page.title, page.summary) == ("New name", "New summary")
    assert (page.phone, page.area, page.cost) == ("0191 498 0123", "Leeds, York", "Free")


def test_what_a_record_leaves_out_is_left_as_it_is(write):
    run(write([FULL]), "--publish")
    short = {name: FULL[name] for name in ("id", "name", "description", "status")} | {"url": ""}
    assert counts(run(write([short]))) == {"changed": 1}
    page = Service.objects.get()
    assert (page.phone, page.area, page.cost, page.link) == ("0191 498 0123", "Leeds, York", "Free", "")


def test_rows_of_a_csv_are_counted_from_the_header(write):
    answer = run(
        write(f"{COLUMNS},sectors\na,A,Sum,,,,Leeds,,,,,,,\n,,,\nb,B,,,,,,,,,,,,\nc,C,S,,,,,,,,,,,Cats\n", "s.csv")
    )
    assert counts(answer) == {"new": 1, "rejected": 2}
    assert [(one["row"], one["problem"]) for one in answer["problems"]] == [
        (4, "There is no summary."),
        (5, "“Cats” is none of our sectors."),
    ]


# --- The file ------------------------------------------------------------------------------------


def test_without_an_ending_the_content_decides(write):
    assert run(write([FULL], "services"))["rows"] == 1
    assert run(write("id,name,summary\na,A,S\n", "others"))["rows"] == 1


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("s.json", "", "neither"),
        ("s.json", '"text"', "neither"),
        ("s.json", '[{"id": 1}', "broken"),
        ("s.json", '[{"id": 1} {"id": 2}]', "broken"),
        ("s.json", "[1] [2]", "follows"),
        ("s.json", '{"contents": [1', "broken"),
        ("s.json", '[{"id": NaN}]', "broken"),
        ("s.json", b"\xff\xfe[]", "UTF-8"),
        ("s.json", "[" * 200_000, "nested"),
        ("s.csv", "name,summary\n", "column “id”"),
        ("s.csv", b"id,name,summary\n\xff,a,b\n", "UTF-8"),
        ("s.csv", "", "column"),
        ("s.csv", "id,name,summary\na,b," + "x" * 200_000 + "\n", "not a CSV"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_file_that_cannot_be_read_ends_with_one_clear_line(write, name, content, word):
    with pytest.raises(CommandError) as problem:
        run(write(content, name))
    assert word in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_file_that_is_not_there_ends_with_one_clear_line(tmp_path):
    with pytest.raises(CommandError, match=r"cannot be read: No such file or directory\.$"):
        run(str(tmp_path / "nothing.json"))
    with pytest.raises(CommandError):
        run(str(tmp_path))


def test_rows_before_a_broken_place_are_done(write, monkeypatch):
    monkeypatch.setattr("cms.importing.BATCH", 1)
    with pytest.raises(CommandError, match="before it are imported"):
        run(write(json.dumps([FULL])[:-1] + ', {"id": '))
    assert Service.objects.count() == 1


def everything():
    """What an import could write to: pages, their versions, the log and the search's index."""
    tables = (Service, Page, Revision, PageLogEntry, SearchText, SearchFacets)
    return [list(model.objects.order_by("pk").values()) for model in tables]


def test_a_dry_run_says_the_same_and_writes_nothing(write, django_capture_on_commit_callbacks):
    run(write([FULL]), "--publish")
    path = write([FULL | {"fees": "£5"}, FULL | {"id": "b"}, FULL | {"id": "c", "url": "ftp://x"}])
    before = everything()
    with django_capture_on_commit_callbacks() as afterwards:
        planned = run(path, "--dry-run", "--publish")
    assert (everything(), afterwards) == (before, [])
    assert planned.pop("dry_run")
    done = run(path)
    assert not done.pop("dry_run")
    assert planned == done
    assert counts(done) == {"new": 1, "changed": 1, "rejected": 1}


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--publish", "--dry-run")])
def test_a_dry_run_finds_what_only_writing_finds_and_names_the_field(write, monkeypatch, options):
    def refuse(self):
        raise ValidationError({"phone": "This is a fax machine."})

    monkeypatch.setattr(Service, "clean", refuse)
    answer = run(write([FULL]), *options)
    assert counts(answer) == {"rejected": 1}
    assert answer["problems"] == [{"row": 1, "problem": "Phone: This is a fax machine."}]


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("fields", "problem"),
    [({"name": "???"}, "letter or digit"), ({"email": f"{'x' * 60}@{'y' * 60}.{'z.' * 68}example.org"}, "254")],
)
def test_what_our_fields_cannot_hold_is_said_before_anything_is_written(write, options, fields, problem):
    answer = run(write([FULL | fields]), *options)
    assert counts(answer) == {"rejected": 1}
    assert problem in answer["problems"][0]["problem"]


def test_a_row_that_fails_on_the_way_leaves_nothing_behind(write, monkeypatch):
    def fail(self, *args, **kwargs):
        raise ValidationError("Cannot be kept.")

    monkeypatch.setattr(Service, "save_revision", fail)
    answer = run(write([FULL]))
    assert answer["problems"] == [{"row": 1, "problem": "Cannot be kept."}]
    assert not Service.objects.exists()


def test_people_read_a_table_and_every_rejected_row(write, capsys):
    call_command("import_services", write([FULL] + [{"id": str(number)} for number in range(40)]))
    text = capsys.readouterr().out
    assert "41 rows" in text
    assert "Row 2: It has no name" in text
    assert "Row 41: It has no name" in text


def test_large_files_are_read_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "CHUNK", 7)
    path = tmp_path / "s.json"
    path.write_text(
        ' {"a": [1, {"contents": 3}], "contents" : [ 12, 3.5e3 , "x\\"]", {"id": [true, null]} ], "z": 1.5 } \n'
    )
    assert list(rows.json_rows(path)) == [(1, 12), (2, 3500.0), (3, 'x"]'), (4, {"id": [True, None]})]


def test_rows_that_are_known_cost_no_query_each(write):
    def cost(number):
        path = write([FULL | {"id": f"s-{one}"} for one in range(number)], f"{number}.json")
        run(path, "--publish")
        with CaptureQueriesContext(connection) as queries:
            assert counts(run(path)) == {"unchanged": number}
        return len(queries)

    assert cost(2) == cost(9)


def test_day_of_the_last_check_moves_the_next_one(write):
    run(write([FULL]), "--publish")
    run(write([FULL | {"assured_date": str(timezone.localdate())}]))
    assert Service.objects.get().review_due == timezone.localdate() + timedelta(days=183)
