"""One statement that finds a page of results, and counts every facet's values with the other facets applied.

Each row of `base` is an entry that holds the words, with a flag for each facet of which something is chosen: whether
it meets that one. The list and the total want all flags; a facet's own counts want all but its own. Taxonomies are
grouped by an entry's whole set of terms, since there are few such sets, and those are taken apart here.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper

from cms.facets import COLUMNS, FOR_ALL, TAXONOMIES, Filters
from cms.matching import found_rows
from cms.models.search import SearchFacets

SORTS = {
    "relevance": "found_rank DESC, published_at DESC, entry_id DESC",
    "newest": "published_at DESC, entry_id DESC",
    "title": "title, entry_id DESC",
    # What is to come first, the next day before the others; then what has no day; then what is past, latest first.
    "date": """CASE WHEN key_date >= %s THEN 0 WHEN key_date IS NULL THEN 1 ELSE 2 END,
               CASE WHEN key_date >= %s THEN key_date END, key_date DESC, published_at DESC, entry_id DESC""",
}
SORT_KEYS = ("title", "published_at", "key_date")


@dataclass(frozen=True)
class Counted:
    """What a search found: how many entries, the ids of one page of them in their order, and its counts.

    `values` gives, by facet and value, how many entries there would be with it and the other facets; `without` how many
    with a facet left out; `by_words` how many hold the words, whatever the facets.
    """

    total: int
    by_words: int
    ids: list[int]
    values: dict[str, Counter[str]]
    without: dict[str, int] = field(default_factory=dict)


def count(filters: Filters, *, sort: str, first: int, number: int, today: date) -> Counted:
    """Find and count in one statement. `first` is the place (from 0) of the page's first entry, `number` its length."""
    chosen = [facet.name for facet in filters.chosen]
    base, params = _base(filters, sort)
    parts, order = [], SORTS[sort]
    for name, column in COLUMNS.items():
        others = _all(other for other in chosen if other != name)
        parts.append(f"SELECT '{name}', {column}, COUNT(*) FROM base WHERE {others} GROUP BY {column}")  # noqa: S608
    parts.append(f"SELECT 'total', '', COUNT(*) FROM base WHERE {_all(chosen)}")  # noqa: S608
    parts.append("SELECT 'by_words', '', COUNT(*) FROM base")
    days = [today] * order.count("%s")
    parts.append(
        f"""SELECT 'page', CAST(entry_id AS TEXT), ROW_NUMBER() OVER () FROM (
              SELECT entry_id FROM base WHERE {_all(chosen)} ORDER BY {order}
              LIMIT {int(number)} OFFSET {int(first)}) page"""  # noqa: S608  our own constants and numbers
    )
    statement = f"WITH {base} {' UNION ALL '.join(parts)}"
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, *(day.isoformat() for day in days)] if _is_sqlite() else [*params, *days])
        return _read(cursor.fetchall())


def _base(filters: Filters, sort: str) -> tuple[str, list[Any]]:
    """The common table expressions `flagged` and `base`, and their parameters."""
    flags = {
        f"in_{facet.name}": ExpressionWrapper(facet.condition(), output_field=BooleanField())
        for facet in filters.chosen
    }
    # As few columns as will do: PostgreSQL writes what does not fit into its working memory to disk.
    keys = [column for column in SORT_KEYS if column in SORTS[sort]]
    columns = ["entry_id", *COLUMNS.values(), *keys, *flags]
    flagged, params = SearchFacets.objects.annotate(**flags).values_list(*columns).query.sql_with_params()
    names = ", ".join(columns)
    if not filters.query:
        return f"base({names}) AS ({flagged})", list(params)
    found = found_rows(filters.query)
    base = f"""found AS ({found.sql}), flagged({names}) AS ({flagged}), base AS (
        SELECT flagged.*, found.rank AS found_rank FROM flagged JOIN found ON found.entry_id = flagged.entry_id)"""  # noqa: S608
    return base, [*found.params, *params]


def _all(names: Iterable[str]) -> str:
    return " AND ".join(f"in_{name}" for name in names) or "1 = 1"


def _read(rows: list[tuple[str, str, int]]) -> Counted:
    values: dict[str, Counter[str]] = {name: Counter() for name in COLUMNS}
    sums: Counter[str] = Counter()
    places: dict[int, int] = {}
    for part, value, number in rows:
        if part == "page":
            places[number] = int(value)
            continue
        sums[part] += number
        if part in TAXONOMIES:
            for slug in value.split() or ([""] if part in FOR_ALL else []):
                values[part][slug] += number
        elif part in values:
            values[part][value] += number
    return Counted(
        total=sums["total"],
        by_words=sums["by_words"],
        ids=[places[place] for place in sorted(places)],
        values=values,
        without={name: sums[name] for name in COLUMNS},
    )


def _is_sqlite() -> bool:
    return connection.vendor == "sqlite"
