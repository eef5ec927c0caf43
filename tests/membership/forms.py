"""What a browser sends from the pages of membership."""

from tests.factories import region, sector


def joining(email="sam@example.org", **fields):
    return {
        "email": email,
        "sectors": [sector("health").pk],
        "region": region("north-east").pk,
        "wants_news": "on",
        **fields,
    }
