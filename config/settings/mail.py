"""Mail: by whom it is handed over, from which addresses, and how fast an issue is sent (`base.py` takes this in)."""

from config.anymail import anymail_settings
from config.settings.reading import VAR_DIR, env

# News and account mail come from different addresses, so that trouble with one does not touch the other.
NEWS_FROM = env("NEWS_FROM", default="i-HOP e-news <news@ihop.example.org>")
ACCOUNTS_FROM = env("ACCOUNTS_FROM", default="i-HOP <accounts@ihop.example.org>")
DEFAULT_FROM_EMAIL = ACCOUNTS_FROM
EMAIL_PROVIDER = env("EMAIL_PROVIDER", default="file")
EMAIL_URL = env("EMAIL_URL", default="")
OUTBOX_DIR = VAR_DIR / "outbox"
ANYMAIL = anymail_settings(env.ENVIRON)
# Somebody has looked at the dashboard of a provider that takes no word from us about it (config/checks.py).
PROVIDER_TRACKING_OFF = env.bool("PROVIDER_TRACKING_OFF", default=False)
if EMAIL_PROVIDER == "file":
    EMAIL_BACKEND = "config.outbox.OutboxBackend"
elif EMAIL_PROVIDER == "smtp":
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    _smtp = env.email_url("EMAIL_URL", default="smtp://localhost:25")
    EMAIL_HOST, EMAIL_PORT = _smtp["EMAIL_HOST"], _smtp["EMAIL_PORT"]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _smtp["EMAIL_HOST_USER"] or "", _smtp["EMAIL_HOST_PASSWORD"] or ""
    EMAIL_USE_TLS, EMAIL_USE_SSL = _smtp.get("EMAIL_USE_TLS", False), _smtp.get("EMAIL_USE_SSL", False)
    EMAIL_TIMEOUT = 30
else:
    EMAIL_BACKEND = f"anymail.backends.{EMAIL_PROVIDER}.EmailBackend"

# Bounces over plain SMTP (ADR 24): the envelope's sender, to which each delivery adds its number and a keyed hash, and
# the mailbox that this leads to.
BOUNCE_ADDRESS = env("BOUNCE_ADDRESS", default="")
BOUNCE_MAILBOX = env("BOUNCE_MAILBOX", default="")

# Over the network, account mail is handed over behind the answer, so that its time tells strangers nothing (ADR 11).
ACCOUNT_MAIL_BEHIND_ANSWER = EMAIL_PROVIDER != "file"

# --- Sending (newsletter) -------------------------------------------------------------------------
# Off, nothing is mailed by itself, whatever the database says (ADR 27).
SENDING_ARMED = env.bool("SENDING_ARMED", default=True)
# The same for all processes of one installation, and another for each copy; in production the site's address.
INSTALLATION_ID = env("INSTALLATION_ID", default="")
SEND_RATE_PER_SECOND = env.float("SEND_RATE_PER_SECOND", default=0.0)  # 0 = as fast as the provider takes it
# Of all workers together, and of one recipient domain: “nhs.net=5,*=20” (* = any other; empty = no limit).
SEND_DOMAIN_RATES = env("SEND_DOMAIN_RATES", default="")
DKIM_SELECTORS = env.list("DKIM_SELECTORS", default=[])  # the provider's, so that the pre-flight can look them up
SEND_PER_DAY = env.int("SEND_PER_DAY", default=0)  # warm-up cap of a new sender; 0 = none
SEND_CONNECTIONS = env.int("SEND_CONNECTIONS", default=4)  # to the SMTP server, per process
SEND_CALLS = env.int("SEND_CALLS", default=25)  # API calls under way at once, per process
SEND_LEASE_SECONDS = env.int("SEND_LEASE_SECONDS", default=300)
SEND_MAX_ATTEMPTS = env.int("SEND_MAX_ATTEMPTS", default=5)
APPROVER_MUST_DIFFER = env.bool("APPROVER_MUST_DIFFER", default=True)
