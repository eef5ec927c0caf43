"""What a request says about who made it, and how little of that is kept."""

import random
from collections import Counter
from datetime import date

import pytest

from newsletter.signs import Signal, network_of, signs_of

TODAY = date(2026, 11, 5)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
# Robots and proxies by the names that they give.
AGENTS = {
    FIREFOX: 0,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1": 0,
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17328; Pro)": 0,
    "python-requests/2.32": Signal.ROBOT,
    "Barracuda Sentinel (EE)": Signal.ROBOT,
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)": Signal.ROBOT,
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/138.0 Safari/537.36": (
        Signal.ROBOT
    ),
    "Mozilla/5.0": Signal.VEILED,  # Apple's proxy
    "": Signal.VEILED,
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)": Signal.VEILED,
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html": Signal.VEILED,
}


def signals(**meta: str) -> int:
    return signs_of({"REQUEST_METHOD": "GET", "HTTP_USER_AGENT": FIREFOX, **meta}, "192.0.2.1", TODAY).signals


@pytest.mark.parametrize(("agent", "expected"), AGENTS.items(), ids=[one[:20] for one in AGENTS])
def test_agents(agent, expected):
    assert signals(HTTP_USER_AGENT=agent) == expected


def test_a_name_of_a_million_letters_is_no_work():
    assert signals(HTTP_USER_AGENT="x" * 1_000_000) == 0


@pytest.mark.parametrize(
    ("header", "said", "expected"),
    [
        ("HTTP_SEC_PURPOSE", "prefetch;prerender", Signal.PREFETCH),
        ("HTTP_PURPOSE", "prefetch", Signal.PREFETCH),
        ("HTTP_X_PURPOSE", "preview", Signal.PREFETCH),
        ("HTTP_X_MOZ", "prefetch", Signal.PREFETCH),
        ("HTTP_PURPOSE", "", 0),
        ("HTTP_SEC_PURPOSE", "navigate", 0),
    ],
)
def test_fetching_ahead(header, said, expected):
    assert signals(**{header: said}) == expected


def test_signs_add_up():
    found = signals(REQUEST_METHOD="HEAD", HTTP_USER_AGENT="curl/8.0", HTTP_X_MOZ="prefetch")
    assert found == Signal.HEAD | Signal.ROBOT | Signal.PREFETCH


class TestNetwork:
    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("192.0.2.1", "192.0.2.254", True),
            ("192.0.2.1", "::ffff:192.0.2.9", True),
            ("192.0.2.1", "192.0.3.1", False),
            ("2001:db8:1:2::3", "2001:db8:1:ffff::9", True),
            ("2001:db8:1::3", "2001:db8:2::3", False),
        ],
    )
    def test_is_the_same_for_a_site_or_household(self, one, other, same):
        assert (network_of(one, TODAY) == network_of(other, TODAY)) is same

    @pytest.mark.parametrize("address", ["", "nonsense", "192.0.2", "1" * 500])
    def test_what_is_no_address_has_none(self, address):
        assert network_of(address, TODAY) is None

    def test_is_another_on_another_day_and_with_another_key(self, settings):
        before = network_of("192.0.2.1", TODAY)
        assert network_of("192.0.2.1", date(2026, 11, 6)) != before
        settings.SECRET_KEY = "another"
        assert network_of("192.0.2.1", TODAY) != before

    def test_sixteen_bits_are_shared_by_many_networks(self):
        chance = random.Random(7)
        networks = {
            f"{chance.randrange(1, 224)}.{chance.randrange(256)}.{chance.randrange(256)}.1" for _ in range(9000)
        }
        counts = Counter(network_of(one, TODAY) for one in networks)
        assert all(0 <= bits < 65536 for bits in counts)
        assert len(counts) < len(networks), "some fall together: none can be told from its number"
        assert max(counts.values()) < 9, "and yet they are spread well"
