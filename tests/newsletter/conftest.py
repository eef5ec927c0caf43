"""What the tests of the e-news share."""

import pytest

from newsletter.models import Issue
from tests.newsletter.fakes import crowd_of, open_mailing


@pytest.fixture
def crowd(db) -> Issue:
    """An issue being sent to 120 members: three groups of at most fifty."""
    return open_mailing(crowd_of(120))
