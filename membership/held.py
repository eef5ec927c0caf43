"""What is held about a member: a registry that export, the readable page, the staff timeline and erasure share.

Each room registers its own sources (`membership/holdings.py`, `newsletter/holdings.py`), so that nothing that is kept
can be left out of an export or of an erasure without somebody noticing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from membership.models import Member

# Values are text, numbers, booleans, dates, times, None, or lists of text: whatever DjangoJSONEncoder can write.
Row = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """One kind of thing that is held. `forget` is for what does not go with the account by itself; it is given up to a
    thousand members at once, among them unsaved ones (accounts without membership)."""

    name: str
    title: str
    rows: Callable[[Member], list[Row]]
    forget: Callable[[Sequence[Member]], None] | None = None


_sources: dict[str, Source] = {}


def register(source: Source) -> None:
    """Add a source, or replace the one of the same name."""
    _sources[source.name] = source


def sources() -> list[Source]:
    """Every source, in the order of registration."""
    return list(_sources.values())


def sections(member: Member) -> list[tuple[str, list[list[tuple[str, Any]]]]]:
    """Return everything held about a member as (title, rows), empty sections included.

    Each row is a list of (name, value): asked for a dict's `items`, a template takes its value of that name. A member
    that has not been saved (an account without membership) has only what belongs to the account.
    """
    return [(source.title, [list(row.items()) for row in source.rows(member)]) for source in sources()]


def as_dict(member: Member) -> dict[str, dict[str, Any]]:
    """The same for machines: by the name of the source."""
    return {source.name: {"title": source.title, "rows": source.rows(member)} for source in sources()}


def forget(members: Sequence[Member]) -> None:
    """Let every source forget what deleting the account would leave behind."""
    for source in sources():
        if source.forget:
            source.forget(members)
