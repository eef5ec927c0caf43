"""The items' images: each must say what it shows, and be there."""

from collections.abc import Iterator

from newsletter.inspections.draft import Draft
from newsletter.inspections.findings import Finding, Level


def look(draft: Draft) -> Iterator[Finding]:
    for one in draft.shown:
        if not one.item.image_id:
            continue
        if not one.item.image_alt.strip():
            sentence = f"{one.name}: say in a few words what its image shows, or take the image out."
            yield one.finding("image-alt", Level.ERROR, sentence)
        image = draft.images.get(one.item.image_id)
        if image is None or not image.file or not image.file.storage.exists(image.file.name):
            sentence = f"{one.name}: the file of its image is missing, so it is sent without. Choose the image again."
            yield one.finding("image-missing", Level.WARNING, sentence)
