from django.apps import AppConfig


class MembershipConfig(AppConfig):
    name = "membership"
    verbose_name = "Membership"

    def ready(self) -> None:
        from membership import holdings, journal, receivers, yearly  # noqa: F401  connects the signals

        holdings.register_all()
