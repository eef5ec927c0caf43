"""Uploads: what a file is called and what it is must agree; nothing that a browser would run comes in."""

import io
import zipfile

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image as Picture
from wagtail.documents.models import Document
from wagtail.images.models import Image
from wagtail.models import Collection

from cms import upload_checks
from cms.upload_checks import check_document

ODT = "application/vnd.oasis.opendocument.text"


@pytest.fixture(autouse=True)
def own_uploads(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def packed(**parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def office(main):
    return packed(**{"[Content_Types].xml": "<Types/>", main: "<x/>"})


GOOD = {
    "report.pdf": b"%PDF-1.7\n...",
    "REPORT.PDF": b"%PDF-1.4\n...",
    "letter.docx": office("word/document.xml"),
    "sheet.xlsx": office("xl/workbook.xml"),
    "slides.pptx": office("ppt/presentation.xml"),
    "letter.odt": packed(mimetype=ODT, **{"content.xml": "<x/>"}),
    "words.txt": "Plain words, café, 5 < 6.".encode(),
    "old.txt": "café".encode("latin-1"),
    "unicode.txt": "words".encode("utf-16"),
    "table.csv": b"\xef\xbb\xbfname,area\nA line,London\n",
}
BAD = {
    "page.pdf": b"<html><script>alert(1)</script></html>",
    "late.pdf": b"<svg onload=alert(1)>%PDF-1.7",
    "program.pdf": b"MZ\x90\x00",
    "empty.pdf": b"",
    "page.txt": b"<!DOCTYPE html><script>alert(1)</script>",
    "spaced.txt": b"\xef\xbb\xbf \n <ScRiPt>alert(1)</script>",
    "drawing.csv": b'<?xml version="1.0"?><svg/>',
    "later.csv": b"a,b\n<svg onload=alert(1)>",
    "binary.txt": b"words\0words",
    "really.txt": b"%PDF-1.7",
    "zip.csv": packed(a="b"),
    "page.docx": b"<html></html>",
    "sheet-called.docx": office("xl/workbook.xml"),
    "plain-zip.docx": packed(a="b"),
    "broken.docx": b"PK\x03\x04 and then nothing",
    "cut.xlsx": office("xl/workbook.xml")[:-30],
    "letter.xlsx": office("word/document.xml"),
    "other.odt": packed(mimetype="application/vnd.oasis.opendocument.text-master", x="y"),
    "none.odt": packed(x="y"),
    "macros.docx": packed(**{"[Content_Types].xml": "", "word/document.xml": "", "word/vbaProject.bin": "x"}),
    "macros.odt": packed(mimetype=ODT, **{"Basic/Standard/Module1.xml": "x"}),
    "drawing.svg": b"<svg/>",
    "page.html": b"<html></html>",
    "nothing": b"words",
}


@pytest.mark.parametrize("name", GOOD)
def test_true_documents_are_taken_and_left_at_their_beginning(name):
    file = SimpleUploadedFile(name, GOOD[name])
    check_document(file)
    assert file.read() == GOOD[name]


@pytest.mark.parametrize("name", BAD)
def test_disguised_documents_are_refused(name):
    with pytest.raises(ValidationError):
        check_document(SimpleUploadedFile(name, BAD[name]))


def test_large_files_are_refused(monkeypatch):
    monkeypatch.setattr(upload_checks, "MAX_BYTES", 5)
    with pytest.raises(ValidationError, match="larger than"):
        check_document(SimpleUploadedFile("words.txt", b"six ch"))


@pytest.mark.parametrize("limit", ["MAX_UNPACKED", "MAX_PARTS"])
def test_archives_that_would_swell_are_refused(monkeypatch, limit):
    monkeypatch.setattr(upload_checks, limit, 1)
    with pytest.raises(ValidationError, match="larger than"):
        check_document(SimpleUploadedFile("letter.docx", office("word/document.xml")))


# --- Every way in that the admin has ------------------------------------------------------------


def upload(browser, name, content, way):
    file, public = SimpleUploadedFile(name, content), Collection.get_first_root_node().pk
    if way == "one":
        browser.post(reverse("wagtaildocs:add"), {"title": "A file", "file": file, "collection": public})
    elif way == "several":
        browser.post(reverse("wagtaildocs:add_multiple"), {"files[]": file, "collection": public})
    else:
        browser.post(
            reverse("wagtaildocs_chooser:create"),
            {
                "document-chooser-upload-title": "A file",
                "document-chooser-upload-file": file,
                "document-chooser-upload-collection": public,
            },
        )


def upload_picture(browser, name, content):
    filled = {"title": "A picture", "collection": Collection.get_first_root_node().pk}
    browser.post(reverse("wagtailimages:add"), {**filled, "file": SimpleUploadedFile(name, content)})


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["one", "several", "chooser"])
def test_each_way_of_uploading_looks_into_the_file(superuser_client, way):
    upload(superuser_client, "page.pdf", BAD["page.pdf"], way)
    assert not Document.objects.exists()
    upload(superuser_client, "report.pdf", GOOD["report.pdf"], way)
    assert Document.objects.count() == 1


@pytest.mark.django_db
def test_replacing_the_file_of_a_document_is_looked_at_too(superuser_client):
    upload(superuser_client, "report.pdf", GOOD["report.pdf"], "one")
    document = Document.objects.get()
    address = reverse("wagtaildocs:edit", args=[document.pk])
    kept = {"collection": document.collection_id}
    superuser_client.post(address, {"title": "A file", "file": SimpleUploadedFile("page.pdf", BAD["page.pdf"]), **kept})
    document.refresh_from_db()
    assert document.file.read() == GOOD["report.pdf"]
    superuser_client.post(address, {"title": "Another title", **kept})
    document.refresh_from_db()
    assert document.title == "Another title"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("drawing.png", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("page.jpg", b"<html><script>alert(1)</script></html>"),
        ("report.gif", b"%PDF-1.7"),
    ],
    ids=["svg", "svg-as-png", "page-as-jpg", "pdf-as-gif"],
)
def test_images_must_be_what_they_say(superuser_client, name, content):
    upload_picture(superuser_client, name, content)
    assert not Image.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "count"), [("one.png", 1), ("one.jpg", 0)])
def test_image_of_another_format_than_its_name_is_refused(superuser_client, name, count):
    file = io.BytesIO()
    Picture.new("RGB", (20, 20), "green").save(file, "PNG")
    upload_picture(superuser_client, name, file.getvalue())
    assert Image.objects.count() == count


@pytest.mark.django_db
def test_only_pdf_opens_in_the_browser(superuser_client, client):
    for name in ("report.pdf", "table.csv"):
        upload(superuser_client, name, GOOD[name], "one")
    how = {
        document.filename: client.get(document.url)["Content-Disposition"].partition(";")[0]
        for document in Document.objects.all()
    }
    assert how == {"report.pdf": "inline", "table.csv": "attachment"}
