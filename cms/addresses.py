"""E-mail addresses: one spelling for each, and a keyed hash to recognise one without keeping it."""

import hashlib
import hmac
import unicodedata

from django.conf import settings
from django.core.exceptions import ValidationError
from email_validator import EmailNotValidError, validate_email

MAX_LENGTH = 254  # RFC 5321 with its angle brackets taken off


def normalise_address(text: str) -> str:
    """Return the one spelling under which an address is kept: lower case, the domain in ASCII (IDNA 2008).

    Letters beyond ASCII are taken in the domain, but not before the @: such a mailbox needs every server on the way to
    speak SMTPUTF8, and few do (ADR 9). Raises ValueError with a sentence for the person who typed it.
    """
    text = text.strip()
    if any(unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp"} for letter in text):
        raise ValueError("This address contains a character that does not belong in an e-mail address.")
    try:
        checked = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(f"This does not look like an e-mail address. {error}") from error
    address = f"{checked.local_part.lower()}@{checked.ascii_domain.lower()}"
    if len(address) > MAX_LENGTH:
        raise ValueError(f"This address is longer than the {MAX_LENGTH} characters that mail allows.")
    return address


def validate_address(text: str) -> None:
    """Refuse a malformed address in a form or model field, with the sentence of `normalise_address`."""
    try:
        normalise_address(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error


def address_hash(address: str) -> str:
    """Return the keyed hash (HMAC-SHA-256, 64 hex digits) of a normalised address.

    The key is ADDRESS_HASH_KEY; without it nobody can test whether an address is on a list (ADR 8).
    """
    return hmac.new(settings.ADDRESS_HASH_KEY.encode(), address.encode(), hashlib.sha256).hexdigest()


def masked(address: str) -> str:
    """Return an address as it may be shown to whoever holds a link: first letter and domain only."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}…@{domain}"
