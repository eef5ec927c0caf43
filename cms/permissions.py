"""What staff may do with the hub beyond editing pages. Each is declared in the Meta of the model it is about."""

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import QuerySet

ENTER = "wagtailadmin.access_admin"
MODERATE = "cms.moderate_submissions"
ANSWER = "cms.answer_messages"
CARE = "cms.care_for_entries"
SIGNPOST = "cms.signpost"
TOTALS = "cms.see_enquiry_totals"

# Whoever looks after the directory; newsletter/roles.py gives them to authors.
EDITORS_HAVE = [MODERATE, ANSWER, CARE, TOTALS]
ADVISERS_HAVE = [SIGNPOST, TOTALS]
ALL = [MODERATE, ANSWER, CARE, SIGNPOST, TOTALS]


def may(user: Any, permission: str) -> bool:
    """Return whether somebody may enter the admin and has this permission."""
    return bool(user.has_perm(ENTER) and user.has_perm(permission))


def own_permissions() -> "QuerySet[Permission]":
    """The permissions above, for Wagtail's group editor."""
    names = [name.partition(".")[2] for name in ALL]
    return Permission.objects.filter(content_type__app_label="cms", codename__in=names)
