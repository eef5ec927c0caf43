"""The pictures of items, as a mail can show them: one size, one format, the same address for everybody."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from PIL.Image import DecompressionBombError
from wagtail.images import get_image_model

WIDTH, HEIGHT = 536, 402  # pixels at most: a mail's text column, and what leaves room for words on a phone
# Twice as many in the file, for sharp screens. JPEG, on white: Outlook knows no WebP, animation distracts, and a
# transparent drawing would vanish into a dark background.
RENDITION = "max-1072x804|format-jpeg|jpegquality-80|bgcolor-ffffff"
# A file that is not there or is no picture; the storage's own troubles are OSErrors as well.
UNUSABLE = (OSError, ValueError, SyntaxError, DecompressionBombError)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """Where a picture is and how large it is shown."""

    url: str  # absolute
    width: int
    height: int


def pictures(ids: Iterable[int]) -> dict[int, Picture]:
    """The pictures of these images by their id, in two queries; each is scaled the first time it is needed.

    One that cannot be read is left out: a mail is better off without it than not sent.
    """
    images = get_image_model().objects.filter(pk__in=set(ids)).prefetch_renditions(RENDITION)
    found: dict[int, Picture] = {}
    for image in images:
        try:
            if not image.is_svg():
                found[image.pk] = _picture(image.get_rendition(RENDITION))
        except UNUSABLE as error:
            logger.warning("The file of image %s cannot be used (%s).", image.pk, type(error).__name__)
    return found


def _picture(rendition: object) -> Picture:
    address, width, height = (getattr(rendition, name) for name in ("url", "width", "height"))
    url = f"{settings.SITE_URL}{address}" if address.startswith("/") else address
    scale = min(WIDTH / width, HEIGHT / height, 1)
    return Picture(url, round(width * scale), round(height * scale))
