"""The texts around the directory that a new installation begins with, for its editors to go on from."""

import json
from pathlib import Path

from cms.models import ConsortiaPage, HomePage, StandardPage

TEXTS = Path(__file__).parent / "sample" / "pages.json"
# Slug, which is the text's name as well, and title. Footer and forms lead to each of them.
STANDARD_PAGES = [
    ("about", "About us"),
    ("benefits", "Membership benefits"),
    ("privacy", "Privacy notice"),
    ("accessibility", "Accessibility statement"),
]


def sample_texts() -> dict[str, str]:
    """The texts of the pages around the directory, by name."""
    texts: dict[str, str] = json.loads(TEXTS.read_text())
    return texts


def fill_pages(home: HomePage, consortia: ConsortiaPage) -> None:
    """Introduce home and the consortia where nobody has, and create the standard pages that are missing."""
    texts = sample_texts()
    if not home.introduction:
        home.introduction = f"<p>{texts['home_intro']}</p>"
        home.save(update_fields=["introduction"])
    if not consortia.body:
        consortia.introduction, consortia.body = f"<p>{texts['consortia_intro']}</p>", texts["consortium"]
        consortia.save(update_fields=["introduction", "body"])
    there = set(StandardPage.objects.values_list("slug", flat=True))
    for slug, title in STANDARD_PAGES:
        if slug not in there:
            page = StandardPage(title=title, slug=slug, body=texts[slug], show_in_menus=slug == "about")
            home.add_child(instance=page)
