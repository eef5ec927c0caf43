"""What an inspection finds: a thing, how bad it is, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"  # worth knowing, nothing to do

    @property
    def heading(self) -> str:
        return {
            Level.ERROR: "Errors: they keep the issue from being approved",
            Level.WARNING: "Warnings: whoever approves answers for each",
            Level.NOTE: "Notes: worth knowing",
        }[self]


@dataclass(frozen=True)
class Finding:
    """One thing found. `code` names the check, `where` the thing it is about, such as `item:12`."""

    code: str
    level: Level
    sentence: str  # what is wrong and what to do about it
    where: str = ""
    item: int | None = None  # the item's id
    place: int | None = None  # of the item in the editor, from 0, for a link to it
    entry: int | None = None  # the entry's page id, where the entry is what must be changed
    says: str = ""  # the sentence without a number that changes by itself, if it holds one

    @property
    def key(self) -> str:
        """What an acknowledgement is of. It holds the sentence: a warning that has changed is a new one; but not for
        a number that goes up and down while somebody reads."""
        return f"{self.code}:{self.where}:{self.says or self.sentence}"

    @property
    def in_editor(self) -> bool:
        """Whether it is put right at the top of the issue's editor."""
        return self.where in {"subject", "preheader", "introduction"} or self.where.startswith(("link:", "page:"))
