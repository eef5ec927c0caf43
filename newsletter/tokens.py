"""The opaque token in a mail's links: 144 bits, kept only as a hash, and good for one purpose (ADR 7).

It is derived from the delivery's random nonce with the secret key, so that a retry under an idempotency key
repeats the very same message; it is looked up by its stored hash, so it survives a change of key.
"""

import base64
import hashlib
import hmac
import re
import uuid

from django.conf import settings

SIZE = 18  # bytes
FORM = re.compile(r"[A-Za-z0-9_-]{24}")


def delivery_token(nonce: uuid.UUID) -> str:
    """Return the token (24 URL-safe characters) for the delivery with this nonce."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), b"e-news delivery:" + nonce.bytes, "sha256")
    return base64.urlsafe_b64encode(digest[:SIZE]).decode()


def token_hash(token: str) -> str:
    """Return what the database keeps of a token (SHA-256, 64 hex digits)."""
    return hashlib.sha256(b"e-news delivery:" + token.encode()).hexdigest()


def well_formed(token: str) -> bool:
    return FORM.fullmatch(token) is not None
