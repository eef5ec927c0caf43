"""What mail providers post, from `tests/payloads/`, with the secret or signature that each of them proves itself by."""

import base64
import hashlib
import hmac
import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.test import Client

from newsletter.models import ProviderEvent, RawReport
from newsletter.providers import PROVIDERS
from newsletter.reported import Reported, record_provider_events

PAYLOADS = Path(__file__).resolve().parents[1] / "payloads"
KEY = "for-tests"
BASIC = {"authorization": "Basic " + base64.b64encode(b"webhook:for-tests").decode()}
TYPES = {".json": "application/json", ".txt": "application/x-www-form-urlencoded"}
REPORTING = sorted(one.name for one in PROVIDERS.values() if one.webhook)
# Providers that bring no metadata back: their message id must do.
MESSAGE_IDS = {"mailersend": "62f114f7165fe0d8db0288e2", "postal": "12345"}
DELIVERY = 4711  # our id in every payload of a provider that brings it back


def files(provider: str) -> list[Path]:
    return sorted((PAYLOADS / provider).iterdir())


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def raw(provider: str, name: str) -> RawReport:
    """A report as it is stored. `name` is a file's, without its ending."""
    (path,) = (PAYLOADS / provider).glob(f"{name}.*")
    return RawReport(
        provider=provider, body=path.read_bytes(), headers={"content-type": TYPES[path.suffix], "svix-id": f"id-{name}"}
    )


def anymail_settings() -> dict[str, str]:
    """Everything that any provider's reports are checked against."""
    return {
        "WEBHOOK_SECRET": "webhook:for-tests",
        "MAILERSEND_SIGNING_SECRET": KEY,
        "MAILGUN_WEBHOOK_SIGNING_KEY": KEY,
        "MANDRILL_WEBHOOK_KEY": KEY,
        "POSTAL_WEBHOOK_KEY": _public(),
        "UNISENDER_GO_API_KEY": KEY,
    }


def proof(provider: str, body: bytes) -> dict[str, str]:
    """The headers that prove a report. Mailgun and Unisender Go sign inside the body: the files hold it."""
    found = dict(BASIC)
    if provider == "mailersend":
        found["signature"] = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    if provider == "postal":
        signed = _private().sign(body, padding.PKCS1v15(), hashes.SHA1())  # as Postal does
        found["x-postal-signature"] = base64.b64encode(signed).decode()
    if provider == "mandrill":
        # Mandrill signs the address with the secret in it.
        text = "http://webhook:for-tests@testserver/webhooks/mandrill/tracking/"
        text += "".join(key + value for key, value in sorted(parse_qsl(body.decode())))
        found["x-mandrill-signature"] = base64.b64encode(hmac.digest(KEY.encode(), text.encode(), "sha1")).decode()
    if provider == "amazon_ses":
        content = json.loads(body)
        found["x-amz-sns-message-type"] = content["Type"]
        found["x-amz-sns-message-id"] = content["MessageId"]
    return found


def post(provider: str, row: RawReport, headers: dict[str, str] | None = None) -> Any:
    """Post a report as the provider does; `headers` in the place of its proof."""
    headers = proof(provider, bytes(row.body)) if headers is None else headers
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    address = f"/webhooks/{provider}/tracking/"
    return client.post(address, bytes(row.body), content_type=row.headers["content-type"], headers=headers)


@cache
def _private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _public() -> str:
    der = (
        _private()
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return base64.b64encode(der).decode()


def record_provider_event(**report: Any) -> ProviderEvent | None:
    """Keep one report (the fields of `Reported`); return None when it is known already."""
    one = Reported(**report)
    recorded = record_provider_events([one])
    return ProviderEvent.objects.get(natural_key=one.natural_key) if recorded.count else None
