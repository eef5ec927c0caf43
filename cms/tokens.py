"""Links that prove who holds them: random words of 192 bits, of which only the hash is kept (ADR 7)."""

import hashlib
import secrets


def new_token() -> tuple[str, str]:
    """Return the token for the link, and its hash for the database."""
    token = secrets.token_urlsafe(24)
    return token, hash_of(token)


def hash_of(token: str) -> str:
    """SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that can be taken for another


def new_reference(letter: str) -> str:
    """A reference that people can read out, such as “S-7KQ2MNPA”."""
    return f"{letter}-" + "".join(secrets.choice(LETTERS) for _ in range(8))
