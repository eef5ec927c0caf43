"""RSS and Atom of the directory, and of each kind and sector."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.http import Http404, HttpRequest
from django.urls import URLPattern, path
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe

from cms import feeds
from cms.models import Entry
from cms.open_data import entry_address, plain

MAX_AGE = 600  # seconds a reader may keep a feed before it asks again


class ChannelFeed(Feed[Entry, feeds.Channel]):
    """Serves the channel that `find` returns for the words of the address."""

    feed_type: type[feeds.Rss | feeds.Atom] = feeds.Rss
    language = "en-gb"
    item_guid_is_permalink = False

    def __init__(self, find: Callable[..., feeds.Channel | None]) -> None:
        self.find = find

    def get_object(self, request: HttpRequest, *args: Any, **words: Any) -> feeds.Channel:
        channel = self.find(**words)
        if channel is None:
            raise Http404("There is no such feed.")
        return channel

    def title(self, channel: feeds.Channel) -> str:
        return channel.title

    def description(self, channel: feeds.Channel) -> str:
        return channel.description

    def subtitle(self, channel: feeds.Channel) -> str:
        return channel.description

    def author_name(self) -> str:
        return settings.SITE_NAME

    def link(self, channel: feeds.Channel) -> str:
        return settings.SITE_URL + channel.page

    def feed_url(self, channel: feeds.Channel) -> str:
        return settings.SITE_URL + channel.feed_path(atom=self.feed_type is feeds.Atom)

    def feed_guid(self, channel: feeds.Channel) -> str:
        return settings.SITE_URL + channel.feed_path(atom=False)

    def items(self, channel: feeds.Channel) -> list[Entry]:
        return channel.entries

    def item_title(self, item: Entry) -> str:
        return plain(item.title)

    def item_description(self, item: Entry) -> str:
        return feeds.words_about(item)

    def item_link(self, item: Entry) -> str:
        return entry_address(item)

    def item_guid(self, item: Entry) -> str:
        return f"urn:uuid:{item.translation_key}"  # stays when an entry gets another address

    def item_pubdate(self, item: Entry) -> datetime:
        return feeds.published(item)

    def item_updateddate(self, item: Entry) -> datetime:
        return feeds.updated(item)

    def item_categories(self, item: Entry) -> list[str]:
        return feeds.categories(item)


class AtomChannelFeed(ChannelFeed):
    feed_type = feeds.Atom


def _feeds(address: str, find: Callable[..., feeds.Channel | None], name: str) -> list[URLPattern]:
    """The two addresses of a channel. Both answer 304 to whoever has the same already."""

    def ready(feed: ChannelFeed) -> Callable[..., Any]:
        return require_safe(cache_control(public=True, max_age=MAX_AGE)(conditional_page(feed)))

    return [
        path(address, ready(ChannelFeed(find)), name=name),
        path(f"{address}atom/", ready(AtomChannelFeed(find)), name=f"{name}_atom"),
    ]


urlpatterns: list[URLPattern] = [
    *_feeds("feeds/directory/", feeds.whole_directory, "directory_feed"),
    *_feeds("feeds/kind/<str:kind>/", feeds.of_kind, "kind_feed"),
    *_feeds("feeds/sector/<str:slug>/", feeds.of_sector, "sector_feed"),
]
