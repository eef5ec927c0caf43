"""The wiring as an application, so that its checks are known before anything is checked."""

from django.apps import AppConfig


class WiringConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401  they register themselves
