"""Accounts: how people log in, what protects them, and how often anything may be tried (`base.py` takes this in)."""

from config.settings.reading import env

AUTH_USER_MODEL = "membership.User"
AUTHENTICATION_BACKENDS = ["membership.backends.AccountBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/account/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]  # joining is our own page; this gives the login page its password
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_ADAPTER = "membership.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "membership.account_forms.LoginForm",
    "request_login_code": "membership.account_forms.LoginCodeForm",
    "reset_password": "membership.account_forms.ResetPasswordForm",
    "add_email": "membership.account_forms.ChangeAddressForm",
}
ACCOUNT_CHANGE_EMAIL = True  # one address each: a new one takes the old one's place once it is confirmed
ACCOUNT_EMAIL_NOTIFICATIONS = True  # whoever owns an account hears of changes to what protects it
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105  a path
# Per address ("anywhere"), and per address and place ("here", lower); never per place alone (quality.md 17).
# "key" is a keyed hash of these: cms/limits.py. What is None is counted there, or cannot be guessed.
ACCOUNT_RATE_LIMITS = {
    "join": "8/h/key",
    "join_here": "4/10m/key",
    "resend": "8/h/key",
    "resend_here": "4/10m/key",
    "login_code": "20/h/key",
    "login_code_here": "6/10m/key",
    "reset": "8/h/key",
    "reset_here": "4/10m/key",
    "change_address": "8/h/key",
    "change_address_here": "4/10m/key",
    "submit": "6/h/key",
    "submit_here": "4/10m/key",
    "fresh_link": "8/h/key",  # in the place of an old one, from a mail
    "fresh_link_here": "4/10m/key",
    "contact": "8/h/key",
    "contact_here": "4/10m/key",
    "signpost": "30/h/key",  # of entries to enquirers, by one adviser
    "signpost_here": "30/h/key",
    "test_send": "10/h/key",  # of the e-news, by one editor
    "test_send_here": "10/h/key",
    "login_failed_anywhere": "50/h/key",
    "login_failed": "5/5m/key",
    "login": None,
    "signup": None,
    "request_login_code": None,
    "reset_password": None,
    "reset_password_from_key": None,
}
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RATE_LIMITS = {"webauthn_login": None}  # per IP alone in allauth; there is no secret to guess
# Staff need a second step before the admin opens (ADR 10). Off here, so that the printed demo login works.
STAFF_MFA_REQUIRED = env.bool("STAFF_MFA_REQUIRED", default=False)
