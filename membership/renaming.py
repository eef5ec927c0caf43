"""Keeping saved searches in step with the taxonomies: a term that gets another slug must not end them in silence."""

from urllib.parse import parse_qsl, urlencode

from django.db import transaction
from django.db.models import Model

from cms.facets import TAXONOMIES
from membership.models import SavedSearch

FACETS: dict[type[Model], str] = {model: name for name, model in TAXONOMIES.items()}


@transaction.atomic
def rename_term(*, facet: str, old: str, new: str) -> int:
    """Let saved searches that ask for a term by its old slug ask for it by the new one; return how many.

    Where a member has that search already, the old one goes. `facet` is its name in the address, such as `sector`.
    """
    asking = SavedSearch.objects.filter(query__contains=urlencode({facet: old})).order_by("pk")
    renamed = 0
    for search in list(asking):
        pairs = parse_qsl(search.query)
        if (facet, old) not in pairs:  # the slug only begins like this one
            continue
        query = urlencode(sorted((name, new if (name, value) == (facet, old) else value) for name, value in pairs))
        if SavedSearch.objects.filter(member=search.member_id, query=query).exists():
            search.delete()
        else:
            search.query = query
            search.save(update_fields=["query"])
        renamed += 1
    return renamed
