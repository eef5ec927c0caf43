"""Subject, preheader and introduction: what every reader sees first."""

from collections.abc import Iterator

from newsletter.inspections.draft import Draft
from newsletter.inspections.findings import Finding, Level

SUBJECT_LENGTH = 60  # characters; telephones show fewer still
LOUD_FROM = 8  # letters: shorter subjects may be a name


def look(draft: Draft) -> Iterator[Finding]:
    subject = " ".join(draft.issue.subject.split())
    preheader = " ".join(draft.issue.preheader.split())
    if not subject:
        yield _found("subject-empty", Level.ERROR, "The issue has no subject: write one.", "subject")
        return
    if len(subject) > SUBJECT_LENGTH:
        sentence = f"The subject has {len(subject)} characters and will be cut off: use at most {SUBJECT_LENGTH}."
        yield _found("subject-long", Level.WARNING, sentence, "subject")
    letters = [one for one in subject if one.isalpha()]
    if len(letters) >= LOUD_FROM and all(one.isupper() for one in letters):
        yield _found(
            "subject-loud", Level.WARNING, "The subject is all in capitals: write it as a sentence.", "subject"
        )
    if not preheader:
        sentence = "There is no preheader: inboxes will show the start of the mail instead. Write one line."
        yield _found("preheader-empty", Level.WARNING, sentence, "preheader")
    elif preheader.casefold() == subject.casefold():
        sentence = "The preheader repeats the subject: say something more in it."
        yield _found("preheader-same", Level.WARNING, sentence, "preheader")
    if draft.issue.is_correction and not draft.opening_text:
        yield _found("empty", Level.ERROR, "The correction says nothing: write what was wrong.", "introduction")


def _found(code: str, level: Level, sentence: str, where: str) -> Finding:
    return Finding(code, level, sentence, where)
