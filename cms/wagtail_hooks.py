"""Registers what cms adds to the Wagtail admin; `viewsets.py` defines it."""

from wagtail.snippets.models import register_snippet

from cms.viewsets import TaxonomyGroup

register_snippet(TaxonomyGroup)
