"""The broker: whether it answers, and how many messages wait in our queue."""

from django.conf import settings

from config.celery import app


def depth() -> int:
    """Messages that no worker has taken yet. Raises whatever the broker's client raises when it is out of reach."""
    with app.connection_for_read() as connection:
        channel = connection.channel()
        try:
            return int(channel.queue_declare(settings.CELERY_TASK_DEFAULT_QUEUE, passive=True).message_count)
        except connection.channel_errors:  # a queue that nobody has used yet
            return 0
