"""What all tests of transports send: one letter, shaped like a message of a real issue."""

import html
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage

from newsletter.skeletons import greeting_for
from newsletter.transports.wire import on_the_wire

TOKEN = "q1w2e3r4t5y6u7i8o9p0aa"
SITE = "https://ihop.example.org/e-news/u"
UNSUBSCRIBE = f"{SITE}/{TOKEN}/"


@dataclass(frozen=True)
class Letter:
    """An `Outgoing`."""

    delivery: int = 7
    issue: str = "2026-10"
    sender: str = "news@ihop.example.org"
    recipient: str = "sam@example.org"
    text: str = "New this month.\n"
    token: str = TOKEN
    first_name: str = "Sam"

    @property
    def batch_key(self) -> Hashable:
        return (self.issue, self.sender, self.text)

    @property
    def fields(self) -> Mapping[str, str]:
        greeting = greeting_for(self.first_name)
        return {
            "to": self.recipient,
            "delivery": str(self.delivery),
            "token": self.token,
            "greeting_text": greeting,
            "greeting_html": html.escape(greeting),
        }

    def template(self, placeholder: Callable[[str], str]) -> EmailMessage:
        message = EmailMessage(policy=policy.SMTP)
        message["From"] = f"i-HOP e-news <{self.sender}>"
        message["To"] = placeholder("to")
        message["Subject"] = "Café news"
        message["Message-ID"] = f"<{placeholder('delivery')}.{self.issue}@ihop.example.org>"
        message["List-Id"] = "i-HOP e-news <e-news.ihop.example.org>"
        message["List-Unsubscribe"] = f"<{SITE}/{placeholder('token')}/>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message["Auto-Submitted"] = "auto-generated"
        message["Feedback-ID"] = f"{self.issue}:e-news:ihop"
        message.set_content(f"{placeholder('greeting_text')}\n\n{self.text}", cte="quoted-printable")
        page = f'<p>{placeholder("greeting_html")}</p><a href="{SITE}/{placeholder("token")}/">Leave</a>'
        message.add_alternative(page, subtype="html")
        return message

    def as_email(self) -> EmailMessage:
        return self.template(self.fields.__getitem__)

    def as_wire(self) -> bytes:
        return on_the_wire(self.as_bytes())

    def as_bytes(self) -> bytes:
        utf8 = not self.recipient.partition("@")[0].isascii()
        return self.as_email().as_bytes(policy=policy.SMTPUTF8 if utf8 else policy.SMTP)


class BrokenLetter(Letter):
    """One that cannot be built."""

    @property
    def fields(self) -> Mapping[str, str]:
        raise ValueError(f"no greeting for {self.recipient}")


class RawLetter(Letter):
    """One whose text is the whole message."""

    def as_bytes(self) -> bytes:
        return self.text.encode()
