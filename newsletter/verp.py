"""The return path of one delivery (VERP): where a mail server sends it back to, and the proof that it was ours.

    bounces@example.org  ->  bounces+4711-5e0a9c3b7d2f41866a0d@example.org

The address holds the delivery's number and 80 bits of a keyed hash over it, in characters that servers leave alone.
Whoever has not seen that mail cannot make the address up, so what comes to it is about that mail (ADR 24).
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable

import idna
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

LOCAL_PART = 64  # characters (RFC 5321, 4.5.3.1.1)
DIGITS, TAG = 19, 20  # of the largest number; of the hash, in hex
LONGEST = LOCAL_PART - len("+") - DIGITS - len("-") - TAG  # what BOUNCE_ADDRESS may have before the @
FORM = re.compile(rf"\+(\d{{1,{DIGITS}}})-([0-9a-f]{{{TAG}}})@", re.IGNORECASE)
MOST = 50  # addresses of one message that are looked at


def return_paths() -> Callable[[int], str] | None:
    """A function from a delivery's number to its return path; None while BOUNCE_ADDRESS is not set.

    Test sends, whose numbers are negative, get the bare address. Raises ImproperlyConfigured when it is no good.
    """
    if not settings.BOUNCE_ADDRESS:
        return None
    local, domain = parts(settings.BOUNCE_ADDRESS)
    key, before, after = _key(settings.SECRET_KEY), f"{local}+", f"@{domain}"
    bare = f"{local}{after}"

    def return_path(delivery: int) -> str:
        return f"{before}{delivery}-{_tag(key, delivery)}{after}" if delivery > 0 else bare

    return return_path


def parts(address: str) -> tuple[str, str]:
    """BOUNCE_ADDRESS before and after its @, the domain in ASCII. Raises ImproperlyConfigured, with what to do."""
    local, _, domain = address.rpartition("@")
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
        validate_email(f"{local}@{ascii_domain}")
    except (ValidationError, UnicodeError) as error:
        raise ImproperlyConfigured("BOUNCE_ADDRESS is not an e-mail address.") from error
    if not local.isascii() or "+" in local or '"' in local:
        raise ImproperlyConfigured("BOUNCE_ADDRESS may hold plain letters before the @, and no + of its own.")
    if len(local) > LONGEST:
        raise ImproperlyConfigured(f"BOUNCE_ADDRESS may have {LONGEST} characters before the @, it has {len(local)}.")
    return local, ascii_domain


def delivery_of(texts: Iterable[str]) -> int | None:
    """The delivery whose return path stands in one of these texts, the first that proves itself; None without one.

    Keys in SECRET_KEY_FALLBACKS count too: a bounce may come after the key has been changed.
    """
    looked_at = 0
    for text in texts:
        for found in FORM.finditer(text):
            looked_at += 1
            if looked_at > MOST:
                return None
            delivery, tag = int(found[1]), found[2].lower()
            if any(hmac.compare_digest(_tag(key, delivery), tag) for key in _keys()):
                return delivery
    return None


def _keys() -> list[bytes]:
    return [_key(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"e-news bounce", "sha256")


def _tag(key: bytes, delivery: int) -> str:
    # Keyed BLAKE2 (RFC 7693): it is worked out for every message, and takes half of what HMAC takes.
    return hashlib.blake2b(b"%d" % delivery, digest_size=TAG // 2, key=key).hexdigest()
