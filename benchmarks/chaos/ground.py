"""The installation that chaos strikes: one for both ways of sending, whose three workers share even a small list."""

import os

from benchmarks.chaos.nursery import Forked, Nursery
from benchmarks.ground import BACKEND, Ground

MEMBERS, LIKE_THE_DEMO, AUDIENCES = 260, 60, 12
MAIL_TO_STAFF = {
    "smtp": "django.core.mail.backends.smtp.EmailBackend",
    "http": "anymail.backends.mailgun.EmailBackend",
}


class ChaosGround(Ground):
    hands = 3
    timeout = 2
    lease = {"smtp": 3, "http": 4}
    rate = {"smtp": "50", "http": "50"}  # so that a send lasts long enough to be struck
    nursery: Nursery | None = None

    def people(self, members: int) -> str:
        """Some members are as different as the demo's, some of whom are not to be mailed; the others share few
        editions, so that a call to a provider carries many of them."""
        from membership.sample_members import make_members

        period = super().people(LIKE_THE_DEMO)
        make_members(members, audiences=AUDIENCES)
        return period

    def use(self, provider: str) -> None:
        """Send in this way from now on."""
        from django.conf import settings

        if provider == self.provider:
            return
        self.end_workers()
        self.provider = provider
        os.environ.update(self.environment())
        settings.EMAIL_PROVIDER = BACKEND[provider]
        settings.EMAIL_BACKEND = MAIL_TO_STAFF[provider]
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", self.mail_port

    def new_worker(self, name: str) -> Forked:
        if not self.nursery:
            self.nursery = Nursery(self.folder)
        return self.nursery.worker(name)

    def end_workers(self) -> None:
        super().end_workers()
        if self.nursery:
            self.nursery.end()
            self.nursery = None
