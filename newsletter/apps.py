from django.apps import AppConfig


class NewsletterConfig(AppConfig):
    name = "newsletter"
    verbose_name = "E-news"

    def ready(self) -> None:
        from newsletter import bounce_checks, checks, receivers  # noqa: F401  registers checks, connects the signals
        from newsletter.models import Issue
        from newsletter.views import presenting

        Issue.presenter = presenting.IssuePresenter()
