"""Signals: whatever pages are made of has them made anew when it changes (`page_cache.py`), in every process.

Each kind is named as a sender: a receiver of all models would have Django load every row that it deletes anywhere.
"""

from django.apps import apps
from django.db.models.signals import post_delete, post_save
from wagtail.contrib.redirects.models import Redirect
from wagtail.models import Page, PageViewRestriction, Site
from wagtail.signals import page_unpublished, post_page_move

from cms.models.taxonomies import Term
from cms.page_cache import forget_pages

SHOWN = (Page, Term, PageViewRestriction, Site, Redirect)

for model in apps.get_models():
    if issubclass(model, SHOWN):
        for signal in (post_save, post_delete):
            signal.connect(forget_pages, sender=model, dispatch_uid=f"forget pages {model.__name__}")
for signal in (page_unpublished, post_page_move):  # in bulk these are written without a save
    signal.connect(forget_pages)
