from django.apps import AppConfig


class CmsConfig(AppConfig):
    name = "cms"
    verbose_name = "Directory"

    def ready(self) -> None:
        from cms import moderation_receivers, page_receivers, private_receivers, receivers  # noqa: F401  connects them
