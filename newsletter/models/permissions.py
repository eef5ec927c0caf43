"""What people may do with an issue in Wagtail's own pages. Approving is not among it: that has a page of its own."""

from typing import Any

from wagtail.models import PagePermissionTester

from newsletter.models.mailing import Mailing


class IssuePermissions(PagePermissionTester):
    """Wagtail's rules, narrowed: an issue is published by approving it only, and is a record once it is frozen."""

    def __init__(self, user: Any, page: Any) -> None:
        super().__init__(user, page)
        self._frozen: bool | None = None

    @property
    def frozen(self) -> bool:
        if self._frozen is None:
            self._frozen = Mailing.objects.filter(pk=self.page.pk).exists()
        return self._frozen

    def may_shape(self) -> bool:
        """Whether this person may work on issues, whatever became of this one."""
        return super().can_edit()

    def may_approve(self) -> bool:
        """Whether this person may approve issues and steer their sending; `approving.py` asks who had a hand in it."""
        return super().can_publish()

    def can_publish(self) -> bool:
        return False

    def can_edit(self) -> bool:
        return super().can_edit() and not self.frozen

    def can_unpublish(self) -> bool:
        return super().can_unpublish() and not self.frozen

    def can_delete(self, ignore_bulk: bool = False) -> bool:
        return super().can_delete(ignore_bulk) and not self.frozen

    def can_move(self) -> bool:
        return False

    def can_copy(self) -> bool:
        return False

    def can_submit_for_moderation(self) -> bool:
        return super().can_submit_for_moderation() and not self.frozen
