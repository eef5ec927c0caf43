"""What the tests of the e-news share."""

import pytest
from django.contrib.auth.models import Group

from membership.models import User
from newsletter.models import Issue
from newsletter.site import APPROVERS_GROUP
from tests import factories
from tests.newsletter.fakes import crowd_of, open_mailing
from tests.newsletter.flows import Clock, flow_maker


@pytest.fixture
def crowd(db) -> Issue:
    """An issue being sent to 120 members: three groups of at most fifty."""
    return open_mailing(crowd_of(120))


@pytest.fixture
def clock() -> Clock:
    """A clock that goes when it is told to."""
    return Clock()


@pytest.fixture
def flow(settings, clock):
    """A function that changes settings and makes the flow of one more worker."""
    return flow_maker(settings, clock)


@pytest.fixture
def approver(db) -> User:
    """Somebody of the Approver group."""
    person = factories.UserFactory(email="approver@example.org")
    person.groups.add(Group.objects.get(name=APPROVERS_GROUP))
    return person
