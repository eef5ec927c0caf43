"""What the tests of the SMTP transport share."""

from newsletter.transports.smtp import SmtpTransport
from tests.newsletter.transports import Letter, RawLetter


class SmtpTransportTo(SmtpTransport):
    """A transport to a server on this machine, over one connection unless told otherwise, closed after the test."""

    def __init__(self, port, **more):
        super().__init__(**{"host": "127.0.0.1", "port": port, "timeout": 0.3, "connections": 1} | more)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()


def outcome_of(transport, letter=None):
    (outcome,) = transport.send([letter or Letter()])
    return outcome


def letters(count):
    """Letters to different people, whose addresses hold the number of the delivery."""
    return [
        RawLetter(delivery=number, recipient=f"m{number}@example.org", text="Subject: News\r\n\r\nHello\r\n")
        for number in range(count)
    ]


def accepted_deliveries(server):
    """The numbers of the deliveries that the server has accepted, in its order."""
    return [int(one.recipient.partition("<m")[2].partition("@")[0]) for one in server.accepted]
