"""Joining and its mail, as everybody in these tests does it."""

import re
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from membership import services
from tests.factories import region, sector


@pytest.fixture(autouse=True)
def fresh_limits():
    """Rate limits are counted in the cache: one test must not use up another's."""
    cache.clear()


@pytest.fixture
def join(db, django_capture_on_commit_callbacks):
    """Join by the service, with the mail sent as after a commit."""

    def act(email="sam@example.org", **fields):
        values = {"sectors": [sector("health")], "region": region("north-east"), **fields}
        with django_capture_on_commit_callbacks(execute=True):
            return services.join(email=email, **values)

    return act


@pytest.fixture
def log_in():
    """A browser logged in as the account of a subscription."""

    def act(subscription):
        client = Client()
        client.force_login(subscription.member.user)
        return client

    return act


@pytest.fixture
def confirmation_path():
    """The path of the confirmation link in a mail."""

    def find(mail):
        (link,) = re.findall(r"https?://\S+", mail.body)
        assert link.startswith(django_settings.SITE_URL + "/"), "links lead to our own site"
        path = urlsplit(link).path
        assert path.startswith(reverse("confirm", args=["x"]).removesuffix("x/"))
        return path

    return find


@pytest.fixture
def post(client, django_capture_on_commit_callbacks):
    """Send a form, with the mail that follows."""

    def act(address, data, browser=client):
        with django_capture_on_commit_callbacks(execute=True):
            return browser.post(address, data)

    return act


@pytest.fixture
def waiting(join, mailoutbox, confirmation_path):
    """The path of a confirmation link that nobody has used."""
    join()
    return confirmation_path(mailoutbox[0])
