"""Who looks at the directory: a member, and somebody who may do everything in the admin."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from cms.groups import MEMBERS_GROUP
from membership.models import User
from tests.factories import UserFactory


@pytest.fixture
def member_client(db):
    """Logged in as somebody of the Members group, who may read case studies."""
    user = UserFactory()
    user.groups.add(Group.objects.get(name=MEMBERS_GROUP))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def outsider_client(db):
    """Logged in, but not in the Members group: a sign-up that is not confirmed, say."""
    client = Client()
    client.force_login(UserFactory())
    return client


@pytest.fixture
def superuser(db):
    return User.objects.create_superuser("chief@example.org")


@pytest.fixture
def superuser_client(superuser):
    client = Client()
    client.force_login(superuser)
    return client
