"""The return path of a delivery: it names no address, cannot be made up, and outlives a change of the key."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import settings as so_often
from hypothesis import strategies as st

from newsletter import verp
from newsletter.providers import get_transport
from newsletter.verp import LONGEST, delivery_of, return_paths
from tests.newsletter.transports import Letter
from tests.servers.smtp import SmtpServer

LARGEST = 2**63 - 1


@pytest.fixture(autouse=True)
def address(settings):
    settings.BOUNCE_ADDRESS = "bounces@ihop.example.org"


def path(delivery: int) -> str:
    make = return_paths()
    assert make
    return make(delivery)


@so_often(max_examples=25)
@given(st.integers(min_value=1, max_value=LARGEST))
def test_it_leads_back_to_its_delivery_in_any_case(delivery):
    made = path(delivery)
    assert delivery_of([made]) == delivery_of([f"<{made.upper()}>"]) == delivery_of([f"rfc822; {made}"]) == delivery


@so_often(max_examples=25)
@given(st.integers(min_value=1, max_value=LARGEST), st.data())
def test_one_that_was_changed_anywhere_leads_nowhere(delivery, data):
    made = path(delivery)
    place = data.draw(st.integers(min_value=made.index("+") + 1, max_value=made.index("@") - 1))
    other = data.draw(st.sampled_from("0123456789abcdef").filter(lambda one: one != made[place]))
    assert delivery_of([made[:place] + other + made[place + 1 :]]) is None


def test_the_key_may_change(settings):
    made = path(4711)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert delivery_of([made]) == 4711
    assert delivery_of([path(4711)]) == 4711
    settings.SECRET_KEY_FALLBACKS = []
    assert delivery_of([made]) is None


def test_the_first_that_proves_itself_counts_and_only_so_many_are_tried():
    forged = path(1).replace("+1-", "+2-")
    assert delivery_of(["", "bounces@ihop.example.org", f"{forged}, {path(3)}", path(4)]) == 3
    assert delivery_of([*[forged] * verp.MOST, path(3)]) is None


def test_servers_take_it_for_an_address(settings):
    settings.BOUNCE_ADDRESS = f"{'b' * LONGEST}@ihop.example.org"
    assert len(path(LARGEST).partition("@")[0]) == 64
    settings.BOUNCE_ADDRESS = "bounces@bücher.example.org"
    assert path(7).endswith("@xn--bcher-kva.example.org")


@pytest.mark.parametrize(
    "wrong",
    [
        "bounces",
        "@example.org",
        "b@",
        f"{'b' * (LONGEST + 1)}@example.org",
        "b+c@example.org",
        "bü@example.org",
        "a b@c.d",
    ],
)
def test_an_address_that_will_not_do_is_named(settings, wrong):
    settings.BOUNCE_ADDRESS = wrong
    with pytest.raises(ImproperlyConfigured, match=r"^BOUNCE_ADDRESS"):
        return_paths()


def test_a_test_send_has_no_delivery_to_lead_back_to():
    assert path(-5) == "bounces@ihop.example.org"


class TestOnTheWire:
    @pytest.fixture(params=["step by step", "pipelined"])
    def server(self, request, settings):
        with SmtpServer("PIPELINING" if request.param == "pipelined" else "8BITMIME") as running:
            settings.EMAIL_PROVIDER = "smtp"
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
            settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
            settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
            settings.EMAIL_TIMEOUT, settings.SEND_CONNECTIONS = 5, 1
            yield running

    def test_each_delivery_has_its_own_and_the_header_stays(self, server):
        transport = get_transport()
        transport.check()
        list(transport.send([Letter(delivery=7), Letter(delivery=8)]))
        transport.close()
        assert [delivery_of([one.sender]) for one in server.accepted] == [7, 8]
        assert all(b"From: i-HOP e-news <news@ihop.example.org>" in one.content for one in server.accepted)
        assert server.connections == 1

    def test_a_server_that_will_not_send_for_it_is_found_out_before_anything_is_sent(self, server):
        server.on("MAIL", "550 5.7.1 not yours")
        with pytest.raises(Exception, match=r"refuses our sender.*check BOUNCE_ADDRESS"):
            get_transport().check()

    def test_without_the_setting_the_sender_is_the_senders(self, server, settings):
        settings.BOUNCE_ADDRESS = ""
        transport = get_transport()
        list(transport.send([Letter(delivery=7)]))
        transport.close()
        assert server.accepted[0].sender.startswith("mail FROM:<news@ihop.example.org>")
