"""Importing a list: reading hostile files, planning, doing it, the command and the pages."""

import json
import time
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import ModelLogEntry

from cms.addresses import address_hash
from membership import importing, services, spreadsheets, uploads
from membership.columns import guess_columns
from membership.exporting import HEADINGS
from membership.models import ConsentRecord, Member, Subscription, Suppression, User
from tests.factories import UserFactory, sector, subscription
from tests.membership.sheets import HEADERS, changed_part, csv_file, row, xlsx_file
from tests.membership.staffing import officer

pytestmark = pytest.mark.django_db
Outcome = importing.Outcome
BOTH = pytest.mark.parametrize("make", [csv_file, xlsx_file])


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.VAR_DIR = tmp_path


def plan(content, **options):
    sheet = spreadsheets.read(content)
    return importing.plan(sheet, guess_columns(sheet.headers), **options)


def outcomes(content, **options):
    return [(line.number, line.outcome.value) for line in plan(content, **options).lines]


def problem(content, **options):
    """The one problem of a file with one row."""
    (line,) = plan(content, **options).lines
    return line.problem


@pytest.fixture
def perform(django_capture_on_commit_callbacks):
    def act(content):
        with django_capture_on_commit_callbacks(execute=True):
            return importing.perform(plan(content).ready())

    return act


# --- Reading files -------------------------------------------------------------------------------


@BOTH
def test_both_formats_read_alike(make):
    sheet = spreadsheets.read(make(row(first="Zoë"), [], row("otto@example.net")))
    assert sheet.headers == HEADERS
    assert [number for number, _ in sheet.rows] == [2, 4], "numbered as a spreadsheet shows them"
    assert sheet.rows[0][1][:2] == ["nina@example.net", "Zoë"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters(encoding, delimiter):
    sheet = spreadsheets.read(csv_file(row(first="Zoë", employer="O’Neill"), encoding=encoding, delimiter=delimiter))
    assert sheet.headers == HEADERS
    assert (sheet.rows[0][1][1], sheet.rows[0][1][5]) == ("Zoë", "O’Neill")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"x" * (5 * 1024 * 1024 + 1), "larger than 5 MB"),
        (csv_file(), "no rows"),
        (csv_file(row(), encoding="utf-16"), "neither"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "neither"),
        (b"%PDF-1.7\n\x81\x8d\n", "neither"),
        (b"\xd0\xcf\x11\xe0 old Excel", "old or password-protected"),
        (b"PK\x03\x04 not a zip", "damaged"),
        (csv_file(["x" * 1001]), "more than 1000 characters"),
        (csv_file(["x"] * 61), "more than 60 columns"),
        (b'E-mail,Name\n"nina@example.net,Nina\notto@example.net,Otto\n', "not well-formed"),
        (csv_file(*[["a"]] * 20_001), "more than 20,000 rows"),
    ],
)
def test_files_that_are_refused(content, words):
    with pytest.raises(spreadsheets.FileError, match=words):
        spreadsheets.read(content)


def test_twenty_thousand_rows_are_enough():
    assert len(spreadsheets.read(csv_file(*[["a"]] * 20_000)).rows) == 20_000


def test_an_xlsx_file_that_unpacks_to_far_more_is_refused_before_it_is_unpacked():
    bomb = changed_part(xlsx_file(row()), "xl/worksheets/sheet1.xml", lambda part: b" " * (41 * 1024 * 1024))
    assert len(bomb) < spreadsheets.MAX_BYTES
    started = time.monotonic()
    with pytest.raises(spreadsheets.FileError, match="far more than a list"):
        spreadsheets.read(bomb)
    assert time.monotonic() - started < 1


def test_an_xlsx_file_that_lies_about_its_size_is_read_within_limits():
    def lie(part):
        return part.replace(b'ref="A1:G2"', b'ref="A1:XFD1048576"').replace(b'r="2"', b'r="900000"')

    started = time.monotonic()
    with pytest.raises(spreadsheets.FileError, match="no rows"):
        spreadsheets.read(changed_part(xlsx_file(row()), "xl/worksheets/sheet1.xml", lie))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"])
def test_a_broken_or_hostile_part_is_one_sentence(part):
    entities = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><worksheet>&c;</worksheet>'
    for content in (entities, b"<a", b""):
        with pytest.raises(spreadsheets.FileError, match=r"damaged|no sheet|no rows"):
            spreadsheets.read(changed_part(xlsx_file(row()), part, lambda old, new=content: new))


def test_formulas_come_as_text():
    (line,) = plan(xlsx_file(row(first="=1+1", employer='=HYPERLINK("http://x.example")'))).ready()
    assert (line.person["first_name"], line.person["organisation"]) == ("=1+1", '=HYPERLINK("http://x.example")')


def test_cells_become_one_line_without_what_cannot_be_seen():
    (line,) = plan(csv_file(row(first="Ni\u200bna\x00\n  Ann".replace("\x00", "\x07"), job="Lead\tmidwife"))).ready()
    assert (line.person["first_name"], line.person["job_role"]) == ("Nina Ann", "Lead midwife")


# --- What the columns are ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (HEADERS, ["email", "first_name", "last_name", "sectors", "region", "organisation", "job_role"]),
        (["EMAIL ADDRESS", "forename", "Sur-name", "SECTORS"], ["email", "first_name", "last_name", "sectors"]),
        (["Name", "Their e-mail (work)"], ["name", "email"]),
        (list(HEADINGS[:7]), ["first_name", "last_name", "email", "sectors", "region", "organisation", "job_role"]),
        (["Colour", "Shoe size"], []),
    ],
)
def test_columns_are_guessed_from_their_names(headers, expected):
    found = guess_columns(headers)
    assert [name for name, _ in sorted(found.items(), key=lambda item: item[1])] == expected


def test_a_full_name_is_taken_apart():
    content = csv_file(
        ["a@example.net", "Mary Ann Smith", "Health"],
        ["b@example.net", "Cher", "Health"],
        headers=["E-mail", "Name", "Sector"],
    )
    names = [(line.person["first_name"], line.person["last_name"]) for line in plan(content).ready()]
    assert names == [("Mary Ann", "Smith"), ("Cher", "")]


@pytest.mark.parametrize(
    ("text", "slugs"),
    [
        ("Health", {"health"}),
        ("health; SCHOOLS", {"health", "schools"}),
        ("Policy, research and commissioning", {"policy-research"}),
        ("Health, Policy, research and commissioning, Schools and education", {"health", "policy-research", "schools"}),
        ("police & courts | early-years", {"police-courts", "early-years"}),
    ],
)
def test_sectors_in_many_spellings(text, slugs):
    (line,) = plan(csv_file(row(sector=text))).ready()
    assert {one.slug for one in line.person["sectors"]} == slugs


def test_unknown_sectors_and_regions_come_with_suggestions():
    assert problem(csv_file(row(sector="Probaton"))) == (
        "“Probaton” is not a sector here. Did you mean “Probation and rehabilitation”?"
    )
    assert "Did you mean “Yorkshire and the Humber”?" in problem(csv_file(row(region="Yorkshire")))
    assert "Known are: North East" in problem(csv_file(row(region="Qqq")))


@pytest.mark.parametrize("text", ["", "National", "England", "the whole country"])
def test_no_region_is_the_whole_country(text):
    (line,) = plan(csv_file(row(region=text))).ready()
    assert line.person["region"] is None


def test_rows_without_a_sector_need_one_that_was_chosen_for_them():
    content = csv_file(row(sector=""))
    assert "No sector is named" in problem(content)
    (line,) = plan(content, default_sectors=[sector("schools")]).ready()
    assert line.person["sectors"] == [sector("schools")]


# --- Planning ------------------------------------------------------------------------------------


def test_each_row_gets_its_outcome():
    subscription("known@example.net", state=Subscription.State.ENDED)
    UserFactory(email="staff@example.net")
    Suppression.objects.create(address_hash=address_hash("never@example.net"), reason=Suppression.Reason.COMPLAINED)
    content = csv_file(
        row(),
        row("NINA@Example.NET"),
        row("known@example.net"),
        row("staff@example.net"),
        row("never@example.net"),
        row("not an address"),
        row(""),
        row("x@example.net", first="x" * 61),
    )
    assert [outcome for _, outcome in outcomes(content)] == [
        *("ready", "duplicate", "known", "known", "suppressed", "wrong", "wrong", "wrong")
    ]
    problems = {line.number: line.problem for line in plan(content).problems}
    assert problems[3] == "The same address as in row 2."
    assert problems[6] == "This address is never mailed: Reported as spam."
    assert problems[8] == "There is no address."
    assert "longer than 60" in problems[9]
    assert not any("@" in text.replace("@-sign", "") for text in problems.values()), "no addresses in what is shown"


def test_planning_changes_nothing_in_a_fixed_number_of_queries(mailoutbox):
    counted = []
    for size in (10, 400):
        content = csv_file(*(row(f"p{number}@example.net") for number in range(size)))
        with CaptureQueriesContext(connection) as queries:
            plan(content)
        counted.append(len(queries))
    assert counted[0] == counted[1]
    assert (User.objects.count(), mailoutbox) == (0, [])


def test_short_rows_and_columns_left_out():
    sheet = spreadsheets.read(csv_file(["nina@example.net"]))
    (line,) = importing.plan(sheet, {"email": 0, "sectors": 3}, default_sectors=[sector("health")]).lines
    assert line.outcome == Outcome.READY


# --- Importing -----------------------------------------------------------------------------------


def test_nobody_is_subscribed_and_each_gets_one_mail(perform, mailoutbox):
    done = perform(csv_file(row(employer="Sample Trust", job="Midwife"), row("otto@example.net")))
    assert (done.imported, done.finished, done.trouble) == (2, True, "")
    one = Subscription.objects.get(member__user__email="nina@example.net")
    assert (one.state, one.confirmed_at, one.track_opens, one.track_clicks) == ("pending", None, False, False)
    assert [(record.act, record.channel) for record in one.member.consents.all()] == [("asked", "import")]
    assert (one.member.organisation, one.member.job_role) == ("Sample Trust", "Midwife")
    assert not Subscription.objects.entitled().exists()
    assert sorted(mail.recipients()[0] for mail in mailoutbox) == ["nina@example.net", "otto@example.net"]
    assert all("confirm" in mail.body for mail in mailoutbox)


def test_a_file_may_be_imported_twice(perform, mailoutbox):
    content = csv_file(row(), row("otto@example.net"))
    perform(content)
    assert outcomes(content) == [(2, "known"), (3, "known")]
    assert perform(content).imported == 0
    assert (Member.objects.count(), ConsentRecord.objects.count(), len(mailoutbox)) == (2, 2, 2)


def test_whoever_joined_or_was_suppressed_meanwhile_is_left_alone(mailoutbox):
    ready = plan(csv_file(row(), row("otto@example.net"), row("pia@example.net"))).ready()
    services.join(email="nina@example.net", sectors=[sector("schools")], region=None)
    services.suppress(address_hash=address_hash("otto@example.net"), reason=Suppression.Reason.REQUESTED)
    assert importing.perform(ready).imported == 1
    assert not User.objects.filter(email="otto@example.net").exists()
    assert ConsentRecord.objects.filter(channel="import").count() == 1


def test_it_stops_when_it_is_told_to_and_goes_on_from_there(perform):
    content = csv_file(*(row(f"p{number}@example.net") for number in range(5)))
    answers = iter([True, True, False])
    done = importing.perform(plan(content).ready(), go_on=lambda: next(answers))
    assert (done.imported, done.last, done.finished) == (2, 3, False)
    assert importing.perform(plan(content).ready(after=done.last)).imported == 3


def test_it_stops_at_the_first_mail_that_cannot_be_sent(perform, monkeypatch):
    calls = []

    def fail(**person):
        calls.append(person)
        raise ConnectionRefusedError

    monkeypatch.setattr(services, "join", fail)
    done = perform(csv_file(row(), row("otto@example.net")))
    assert (done.imported, done.last, done.finished, len(calls)) == (0, 2, False, 1)
    assert "ConnectionRefusedError" in done.trouble
    assert "nina" not in done.trouble


# --- The command ---------------------------------------------------------------------------------


def command(path, *options):
    out = StringIO()
    call_command("import_members", str(path), *options, "--json", stdout=out)
    return json.loads(out.getvalue().splitlines()[-1])


def test_the_command(tmp_path, mailoutbox, django_capture_on_commit_callbacks):
    path = tmp_path / "list.csv"
    path.write_bytes(csv_file(row(), row(sector="Probaton", email="otto@example.net")))
    result = command(path, "--dry-run")
    assert (result["rows"], result["ready"], result["wrong"], result["imported"]) == (2, 1, 1, 0)
    assert not User.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        result = command(path)
    assert (result["imported"], len(mailoutbox)) == (1, 1)
    assert result["problems"][0]["row"] == 3
    assert "@" not in json.dumps(result)
    assert command(path)["imported"] == 0


def test_the_command_takes_a_sector_for_rows_without_one(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(csv_file(row(sector="")))
    assert command(path, "--dry-run", "--sector", "health", "--sector", "schools")["ready"] == 1
    with pytest.raises(CommandError, match="There is no sector “nursing”"):
        command(path, "--sector", "nursing")


def test_what_a_file_says_is_shown_as_it_is(tmp_path, capsys):
    path = tmp_path / "list.csv"
    path.write_bytes(csv_file(row(sector="[b]Bold")))
    call_command("import_members", str(path), "--dry-run")
    assert "“[b]Bold”" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"", "empty"), (csv_file(["x"], headers=["Colour"]), "No column of this file")],
)
def test_what_the_command_cannot_use_is_one_clear_line(tmp_path, content, words):
    path = tmp_path / "list.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=words):
        command(path)


# --- The pages -----------------------------------------------------------------------------------

UPLOAD, COLUMNS, CHECK, RUN = (
    reverse(f"members:{name}") for name in ("import", "import_columns", "import_check", "import_run")
)
GUESSED = {"email": 0, "first_name": 1, "last_name": 2, "sectors": 3, "region": 4, "organisation": 5, "job_role": 6}


def upload(client, content, name="list.csv"):
    return client.post(UPLOAD, {"file": SimpleUploadedFile(name, content)})


@BOTH
def test_the_steps(make, mailoutbox, django_capture_on_commit_callbacks):
    client = officer()
    content = make(row(), row("otto@example.net", sector="Probaton"), row("bad"))
    assert upload(client, content).headers["Location"] == COLUMNS
    page = client.get(COLUMNS)
    assert page.context["form"].initial == {name: str(place) for name, place in GUESSED.items()}
    assert client.post(COLUMNS, GUESSED).headers["Location"] == CHECK
    text = client.get(CHECK).content.decode()
    assert "Register 1 person" in text
    assert "“Probaton” is not a sector here." in text
    assert not User.objects.filter(email="nina@example.net").exists(), "a dry run"
    assert client.post(CHECK).headers["Location"] == RUN
    assert "0 of 1 registered" in client.get(RUN).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        client.post(RUN)
    assert "1 person was registered" in client.get(RUN).content.decode()
    assert [mail.recipients() for mail in mailoutbox] == [["nina@example.net"]]
    entry = ModelLogEntry.objects.get(action="membership.import")
    assert (entry.user, entry.data) == (client.user, {"count": 1, "up to row": 2})
    assert list((uploads._folder()).iterdir()) == [], "the file has gone"
    client.post(RUN)
    assert len(mailoutbox) == 1


def test_a_long_import_goes_on_in_several_requests(monkeypatch):
    client = officer()
    upload(client, csv_file(*(row(f"p{number}@example.net") for number in range(3))))
    client.post(COLUMNS, GUESSED)
    client.post(CHECK)
    moments = iter([0, 1, 99, 0, 1, 1, 1])
    monkeypatch.setattr("membership.desk.importing.monotonic", lambda: next(moments))
    client.post(RUN)
    assert "1 of 3 registered" in client.get(RUN).content.decode()
    client.post(RUN)
    assert "3 people were registered" in client.get(RUN).content.decode()


@pytest.mark.parametrize("content", [b"", b"\x89PNG\0", b"PK\x03\x04", csv_file()])
def test_files_that_cannot_be_used_are_refused_at_the_first_step(content):
    client = officer()
    response = upload(client, content, "list.xlsx")
    assert response.status_code == 400
    assert response.context["form"].errors["file"]
    assert list((uploads._folder()).iterdir()) == []


def test_one_column_cannot_be_two_things_and_the_address_is_needed():
    client = officer()
    upload(client, csv_file(row()))
    response = client.post(COLUMNS, {"email": 0, "first_name": 0})
    assert "One column cannot be two things." in response.content.decode()
    assert client.post(COLUMNS, {"first_name": 1}).status_code == 400
    assert client.post(COLUMNS, {"email": 77}).status_code == 400


@pytest.mark.parametrize("page", [COLUMNS, CHECK, RUN])
def test_without_a_file_the_first_step_comes_again(page):
    client = officer()
    assert client.get(page).headers["Location"] == UPLOAD
    assert client.post(page).headers["Location"] == UPLOAD
    upload(client, csv_file(row()))
    for path in uploads._folder().iterdir():
        path.unlink()
    assert client.get(page).headers["Location"] == UPLOAD


def test_another_session_does_not_see_the_file():
    upload(officer(), csv_file(row()))
    assert officer().get(COLUMNS).headers["Location"] == UPLOAD


def test_uploads_are_private_and_go_after_a_day(time_machine_day_later):
    token = uploads.keep(b"x")
    (path,) = uploads._folder().iterdir()
    assert path.stat().st_mode & 0o077 == 0
    assert uploads.fetch(token) == b"x"
    time_machine_day_later()
    assert uploads.discard_old() == 1
    assert uploads.fetch(token) is None


@pytest.fixture
def time_machine_day_later():
    """Make every upload a day and a bit older."""
    import os

    def act():
        for path in uploads._folder().iterdir():
            os.utime(path, (0, time.time() - 25 * 3600))

    return act


@pytest.mark.parametrize("token", ["", "../../etc/passwd", "a/b" * 10, "x"])
def test_an_upload_is_named_by_its_token_only(token):
    with pytest.raises(ValueError, match="not the name"):
        uploads.fetch(token)
