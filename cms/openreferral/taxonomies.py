"""Our four taxonomies as Open Referral's, with ids that stay the same, and what an id asks for."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from django.conf import settings
from django.db.models import Q

from cms.models import AgeGroup, Region, Sector, Topic
from cms.models.taxonomies import Term
from cms.open_data import plain


@dataclass(frozen=True)
class Taxonomy:
    """One taxonomy: its name in the data, the entries' field, its word in our addresses, and its model."""

    name: str
    description: str
    field: str
    facet: str
    model: type[Term]
    empty_means_all: bool = True  # an entry without a term of it is for everyone, national, for all ages


TAXONOMIES = [
    Taxonomy("i-HOP sectors", "The professional fields a service is for; none means all.", "sectors", "sector", Sector),
    Taxonomy("i-HOP regions", "The English regions a service covers; none means all.", "regions", "region", Region),
    Taxonomy("i-HOP topics", "What a service is about.", "topics", "topic", Topic, empty_means_all=False),
    Taxonomy("i-HOP age groups", "The ages of the children concerned; none means all.", "age_groups", "age", AgeGroup),
]
BY_NAME = {taxonomy.name: taxonomy for taxonomy in TAXONOMIES}


def site_id(words: str) -> str:
    """A UUID of something of this site that has none, the same for ever as long as SITE_URL stays."""
    return str(uuid5(uuid5(NAMESPACE_URL, settings.SITE_URL), words))


def part_id(service: UUID, words: str) -> str:
    """A UUID of a part of a service, such as its telephone."""
    return str(uuid5(service, words))


def taxonomy_id(taxonomy: Taxonomy) -> str:
    return site_id(f"taxonomy:{taxonomy.facet}")


def term_id(taxonomy: Taxonomy, slug: str) -> str:
    return site_id(f"{taxonomy.facet}:{slug}")


def taxonomy_record(taxonomy: Taxonomy) -> dict[str, Any]:
    return {
        "id": taxonomy_id(taxonomy),
        "name": taxonomy.name,
        "description": taxonomy.description,
        "uri": f"{settings.SITE_URL}/openreferral/taxonomies/{taxonomy_id(taxonomy)}",
        "version": "1",
    }


def term_record(taxonomy: Taxonomy, term: Term) -> dict[str, Any]:
    """A term. `name` is what HSDS 3 calls it, `term` what the UK profile does."""
    name = plain(term.name)
    return {
        "id": term_id(taxonomy, term.slug),
        "code": term.slug,
        "name": name,
        "term": name,
        "description": name,
        "taxonomy": taxonomy.name,
        "taxonomy_id": taxonomy_id(taxonomy),
        "term_uri": f"{settings.SITE_URL}/directory/?{taxonomy.facet}={term.slug}",
    }


def all_terms() -> list[dict[str, Any]]:
    """Every term of every taxonomy, in our order (one query each)."""
    return [term_record(one, term) for one in TAXONOMIES for term in one.model._default_manager.all()]


def having_term(identifier: str) -> Q | None:
    """Which services carry this term, or are for everyone where that is what none means; None if nobody knows it."""
    for taxonomy in TAXONOMIES:
        for slug in taxonomy.model._default_manager.values_list("slug", flat=True):
            if term_id(taxonomy, slug) == identifier.lower():
                found = Q(**{f"{taxonomy.field}__slug": slug})
                return found | Q(**{taxonomy.field: None}) if taxonomy.empty_means_all else found
    return None


def having_taxonomy(identifier: str) -> Q | None:
    """Which services carry any term of this taxonomy; None if nobody knows it."""
    for taxonomy in TAXONOMIES:
        if taxonomy_id(taxonomy) == identifier.lower():
            return Q(**{f"{taxonomy.field}__isnull": False})
    return None


def of_ages(youngest: int, oldest: int) -> Q:
    """Which services concern children of these ages, or of all. Read from the groups' own words (“under-3”)."""
    slugs = []
    for slug in AgeGroup.objects.values_list("slug", flat=True):
        numbers = [int(number) for number in re.findall(r"\d{1,3}", slug)]
        if not numbers:
            continue
        first, last = (0, numbers[0] - 1) if slug.startswith("under") else (numbers[0], numbers[-1])
        if first <= oldest and last >= youngest:
            slugs.append(slug)
    return Q(age_groups__slug__in=slugs) | Q(age_groups=None)
