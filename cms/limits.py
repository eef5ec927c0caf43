"""Rate limits: per address, and per address and place; never per place alone, since whole prisons share one.

The rates stand in ACCOUNT_RATE_LIMITS under the action's name and under `<action>_here`. Cache keys hold keyed
hashes that end with their rate's duration, so that neither an address nor an IP address is kept.
"""

from allauth.core import ratelimit
from allauth.core.internal.httpkit import get_client_ip
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

SALT = "cms.limits"


def allow(request: HttpRequest, action: str, address: str) -> bool:
    """Count one try for a normalised address; False when it has had too many, from here or from anywhere."""
    here = ratelimit.consume(request, action=f"{action}_here", key=key_here(request, address))
    return bool(here and ratelimit.consume(request, action=action, key=key_anywhere(address)))


def key_anywhere(address: str) -> str:
    return _keyed(address)


def key_here(request: HttpRequest, address: str) -> str:
    return _keyed(f"{place(request)} {address}")


def place(request: HttpRequest) -> str:
    """Where a request comes from, as a keyed hash: enough to count with, useless to anybody else."""
    return _keyed(client_address(request))


def client_address(request: HttpRequest) -> str:
    """The visitor's IP address, behind TRUSTED_PROXY_COUNT proxies; nothing when it cannot be told. Never keep it."""
    try:
        return get_client_ip(request) or ""
    except ImproperlyConfigured:  # fewer proxies in the header than TRUSTED_PROXY_COUNT says
        return ""


def _keyed(text: str) -> str:
    return salted_hmac(SALT, text, algorithm="sha256").hexdigest()
