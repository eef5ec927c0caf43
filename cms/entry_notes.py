"""A place in an entry's editor where other rooms tell what became of it; cms itself has nothing to say there.

A room registers a function under Wagtail's hook `entry_notes`: it is given the request and the entry, and returns a
component, or None when it has nothing to say.
"""

from typing import Any

from wagtail import hooks
from wagtail.admin.panels import Panel
from wagtail.admin.ui.components import Component

HOOK = "entry_notes"


class EntryNotes(Panel):
    """Shows what was registered, to be read only. Left out of a new entry, and where nobody has anything to say."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "cms/admin/entry_notes.html"

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.notes = self._notes()

        def _notes(self) -> list[Component]:
            if not self.instance.pk or self.request is None:
                return []
            found = (tell(self.request, self.instance) for tell in hooks.get_hooks(HOOK))
            return [note for note in found if note]

        def is_shown(self) -> bool:
            return bool(self.notes)

        def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
            return {**super().get_context_data(parent_context), "notes": self.notes}
