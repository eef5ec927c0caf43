"""Pictures of public pages and of the e-news: scaled images, and nothing else that lies among the uploads.

Documents and the originals of images lie beside them. Documents are served by Wagtail, which asks who may read them;
originals, which may say where and when they were taken, by nobody.
"""

import re
from pathlib import PurePosixPath

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

TYPES = {
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
# A picture that is changed gets another name.
CACHE = "public, max-age=2592000"
NAME = re.compile(r"images/[^/\\\0]+")


@require_safe
def picture(request: HttpRequest, name: str) -> FileResponse:
    """Serve one scaled image by its name below MEDIA_URL. Anything else is not found."""
    content_type = TYPES.get(PurePosixPath(name).suffix.lower())
    if not content_type or not NAME.fullmatch(name):
        raise Http404
    try:
        file = default_storage.open(name)
    except (OSError, ValueError, SuspiciousFileOperation):
        raise Http404 from None
    return FileResponse(
        file, content_type=content_type, headers={"Cache-Control": CACHE, "X-Content-Type-Options": "nosniff"}
    )
