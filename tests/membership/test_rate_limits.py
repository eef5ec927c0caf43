"""Limits count per address, never per IP alone: a whole prison may share one (quality.md 17)."""

import pytest
from django.test import Client

from membership.models import User
from tests.membership.forms import joining

pytestmark = pytest.mark.django_db


def test_one_mailbox_cannot_be_flooded_from_the_join_page(post, mailoutbox):
    for _ in range(30):
        post("/join/", joining("victim@example.org"), Client())
    assert 1 <= len(mailoutbox) < 30


def test_forty_colleagues_behind_one_address_of_the_network_can_join(post, mailoutbox):
    for number in range(40):
        assert post("/join/", joining(f"colleague{number}@example.org"), Client()).status_code == 200
    assert User.objects.count() == len(mailoutbox) == 40


@pytest.mark.parametrize(
    ("address", "field"), [("/account/login/code/", "email"), ("/account/password/reset/", "email")]
)
def test_forty_colleagues_behind_one_address_of_the_network_can_log_in(post, address, field):
    answers = {post(address, {field: f"colleague{number}@example.org"}, Client()).status_code for number in range(40)}
    assert answers == {302}


def test_one_mailbox_cannot_be_flooded_from_the_login_page(post, mailoutbox):
    for _ in range(30):
        post("/account/login/code/", {"email": "victim@example.org"}, Client())
    assert len(mailoutbox) < 30
