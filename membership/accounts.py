"""Finding the account behind an address, in the one spelling under which addresses are kept."""

from cms.addresses import normalise_address
from membership.models import User


def find_account(address: str) -> User | None:
    """Return the account of an address as somebody typed it; None for an unknown or malformed one. Always one query."""
    try:
        address = normalise_address(address)
    except ValueError:
        address = ""
    return User.objects.filter(email=address).first()


def address_taken(address: str, *, apart_from: User) -> bool:
    """Whether another account has this (normalised) address."""
    return User.objects.filter(email=address).exclude(pk=apart_from.pk).exists()
