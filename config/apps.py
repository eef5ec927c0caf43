"""The wiring as an application, so that its checks are known before anything is checked."""

from django.apps import AppConfig
from django.conf import settings


class WiringConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401  they register themselves
        from config.observing import errors, tracing

        errors.start(settings.SENTRY_DSN)
        tracing.start(settings.OTEL_EXPORTER_OTLP_ENDPOINT)
