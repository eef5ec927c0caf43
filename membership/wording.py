"""The words that members were shown when they agreed, by version; `docs/consent-wording.md` holds the same."""

from membership.models import ConsentRecord

Purpose = ConsentRecord.Purpose

# Never change an old version: add a new one, here and in the document, and raise WORDING_VERSION.
WORDINGS: dict[str, dict[str, str]] = {
    "2026-11": {
        Purpose.NEWS: (
            "Send me the monthly e-news. One e-mail a month with what is new for your sectors and your region, "
            "and what is new for everyone."
        ),
        Purpose.OPENS: (
            "You may count whether I open the e-news. Off unless you switch it on. "
            "It tells us whether the e-news is of use."
        ),
        Purpose.CLICKS: (
            "You may count which links I follow. Off unless you switch it on. It tells us which information helps whom."
        ),
    },
}


def words(purpose: str, version: str) -> str:
    """What stood next to the button or switch; empty for a version that is not known."""
    return WORDINGS.get(version, {}).get(purpose, "")
