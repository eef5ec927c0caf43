"""What all tests of transports send: one letter, shaped like a message of a real issue."""

from dataclasses import dataclass
from email import policy
from email.message import EmailMessage

TOKEN = "q1w2e3r4t5y6u7i8o9p0aa"
UNSUBSCRIBE = f"https://ihop.example.org/e-news/u/{TOKEN}/"


@dataclass(frozen=True)
class Letter:
    """An `Outgoing`."""

    delivery: int = 7
    issue: str = "2026-10"
    sender: str = "news@ihop.example.org"
    recipient: str = "sam@example.org"
    text: str = "Hello Sam,\n\nNew this month.\n"

    def as_email(self) -> EmailMessage:
        message = EmailMessage(policy=policy.SMTP)
        message["From"] = f"i-HOP e-news <{self.sender}>"
        message["To"] = self.recipient
        message["Subject"] = "Café news"
        message["Message-ID"] = f"<{self.delivery}.{self.issue}@ihop.example.org>"
        message["List-Id"] = "i-HOP e-news <e-news.ihop.example.org>"
        message["List-Unsubscribe"] = f"<{UNSUBSCRIBE}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message["Auto-Submitted"] = "auto-generated"
        message["Feedback-ID"] = f"{self.issue}:e-news:ihop"
        message.set_content(self.text, cte="quoted-printable")
        message.add_alternative("<p>Hello Sam,</p>", subtype="html")
        return message

    def as_bytes(self) -> bytes:
        utf8 = not self.recipient.partition("@")[0].isascii()
        return self.as_email().as_bytes(policy=policy.SMTPUTF8 if utf8 else policy.SMTP)


class BrokenLetter(Letter):
    """One that cannot be built."""

    def as_email(self) -> EmailMessage:
        raise ValueError(f"no greeting for {self.recipient}")

    def as_bytes(self) -> bytes:
        raise ValueError(f"no greeting for {self.recipient}")


class RawLetter(Letter):
    """One whose text is the whole message."""

    def as_bytes(self) -> bytes:
        return self.text.encode()
