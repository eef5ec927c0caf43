"""What staff hear by mail when a month is compiled: once, that an issue waits for them, or that there is nothing."""

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from wagtail.log_actions import log
from wagtail.models import ModelLogEntry

from newsletter.compiling import Compiled
from newsletter.models import Issue, NewsletterSettings
from newsletter.periods import Period
from newsletter.scheduling import usual_moment
from newsletter.telling import tell

EMPTY = "newsletter.empty"  # in Wagtail's log: people have been told that a month holds nothing


def tell_compiled(compiled: Compiled) -> None:
    """Tell that a new issue waits to be shaped, and what comes next. The caller says it once: when it was made."""
    issue = compiled.issue
    assert issue
    planned = date_format(timezone.localtime(usual_moment(issue)), "l j F Y, H:i")
    _mail(f"The {issue.month.title} e-news has been compiled", "compiled", issue, compiled=compiled, planned=planned)


def tell_empty(compiled: Compiled) -> bool:
    """Tell that a month holds nothing: once, by whichever process notes it first. Returns whether it was this one."""
    period = Period.parse(compiled.period)
    told = ModelLogEntry.objects.filter(action=EMPTY, data__period=compiled.period)
    if told.exists():
        return False
    with transaction.atomic():
        chosen = NewsletterSettings.objects.select_for_update().get(pk=NewsletterSettings.load().pk)
        if told.exists():  # somebody was faster
            return False
        log(chosen, EMPTY, data={"period": compiled.period})
    _mail(f"There is nothing for the {period.title} e-news", "empty_month", None, compiled=compiled, month=period)
    return True


def _mail(subject: str, template: str, issue: Issue | None, **context: object) -> None:
    site = settings.SITE_URL
    context |= {"issue": issue, "desk": site + reverse("newsletter_compile")}
    if issue:
        context["desk"] = site + reverse("newsletter_issue", args=[issue.pk])
    tell(subject, render_to_string(f"newsletter/email/{template}.txt", context))
