"""`check --deploy`: what would fail or leak in production is named, with a hint, before it does."""

import pytest

from config.checks import check_production

pytestmark = pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
GOOD = {
    "SECRET_KEY": "a long random string" * 3,
    "ADDRESS_HASH_KEY": "another of that kind" * 3,
    "SITE_URL": "https://www.ihop.example.org",
    "ALLOWED_HOSTS": ["www.ihop.example.org"],
    "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
    "ALLAUTH_TRUSTED_PROXY_COUNT": 1,
    "DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql"}},
    "CELERY_BROKER_URL": "redis://127.0.0.1:6379/0",
    "NEWS_FROM": "i-HOP e-news <news@mail.ihop.example.org>",
    "ACCOUNTS_FROM": "i-HOP <accounts@ihop.example.org>",
    "POSTAL_ADDRESS": "i-HOP, 4 Market Square, Durham",
    "TEAM_EMAIL": "team@ihop.test",
    "EMAIL_PROVIDER": "mailgun",
    "PROVIDER_TRACKING_OFF": False,
}


@pytest.fixture
def production(settings, tmp_path):
    """Settings with which nothing is wrong, and a way to make one of them so."""
    good = GOOD | {
        "VAR_DIR": tmp_path / "var",
        "MEDIA_ROOT": tmp_path / "var" / "media",
        "STATIC_ROOT": tmp_path / "static",
        "ERASURE_JOURNAL": str(tmp_path / "elsewhere" / "erasures.jsonl"),
        "STORAGES": settings.STORAGES
        | {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}},
    }
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "staticfiles.json").write_text("{}")
    _apply(settings, good)

    def found(**changes):
        _apply(settings, changes)
        messages = check_production()
        assert all(message.hint for message in messages), "each says what to do"
        return {message.id for message in messages}

    return found


def _apply(settings, values):
    for name, value in values.items():
        setattr(settings, name, value)


def test_good_settings_pass(production):
    assert production() == set()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ADDRESS_HASH_KEY": "short"}, "config.E001"),
        ({"ADDRESS_HASH_KEY": GOOD["SECRET_KEY"]}, "config.E001"),
        ({"ADDRESS_HASH_KEY": "a" * 50}, "config.E001"),
        ({"SECRET_KEY": "changeme"}, "config.E008"),
        ({"SECRET_KEY": "x" * 60}, "config.E008"),
        ({"SECRET_KEY": "django-insecure-" + GOOD["SECRET_KEY"]}, "config.E008"),
        ({"ALLOWED_HOSTS": ["*"]}, "config.E002"),
        ({"ALLOWED_HOSTS": ["ihop.example.org"]}, "config.E003"),
        ({"DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3"}}}, "config.E004"),
        ({"CELERY_BROKER_URL": "filesystem://"}, "config.E005"),
        ({"VAR_DIR": "/dev/null/here"}, "config.E006"),
        ({"STATIC_ROOT": "/nowhere/at/all"}, "config.E007"),
        ({"ALLAUTH_TRUSTED_PROXY_COUNT": 0}, "config.W001"),
        ({"NEWS_FROM": "i-HOP <news@elsewhere.test>"}, "config.W002"),
        ({"ACCOUNTS_FROM": "i-HOP <accounts@example.com>"}, "config.W002"),
        ({"POSTAL_ADDRESS": "i-HOP, 1 Example Street, London N1 1AA"}, "config.W003"),
        ({"EMAIL_PROVIDER": "file"}, "config.W004"),
        ({"EMAIL_PROVIDER": "postal"}, "config.W005"),
    ],
)
def test_what_is_wrong_is_named(production, change, said):
    assert production(**change) == {said}


def test_a_journal_beside_the_database_is_named(production, settings):
    assert production(ERASURE_JOURNAL=str(settings.VAR_DIR / "erasures.jsonl")) == {"config.W006"}


@pytest.mark.parametrize(
    ("site", "sender", "said"),
    [
        ("www.charity.org.uk", "charity.org.uk", set()),
        ("www.charity.org.uk", "mail.charity.org.uk", set()),
        ("charity.org.uk", "CHARITY.org.uk", set()),
        ("www.charity.org.uk", "other.org.uk", {"config.W002"}),
        ("www.trust.nhs.uk", "other.nhs.uk", {"config.W002"}),
        ("www.charity.org", "other.org", {"config.W002"}),
    ],
)
def test_sender_and_site_are_of_one_organisation(production, site, sender, said):
    """Below org.uk everybody registers names: sharing it says nothing."""
    address = f"news@{sender}"
    changes = {"SITE_URL": f"https://{site}", "ALLOWED_HOSTS": [site], "ACCOUNTS_FROM": address, "NEWS_FROM": address}
    assert production(**changes) == said


@pytest.mark.parametrize("hosts", [["www.ihop.example.org", "127.0.0.1"], [".ihop.example.org"]])
def test_hosts_that_hold_the_site_pass(production, hosts):
    assert production(ALLOWED_HOSTS=hosts) == set()


def test_somebody_has_looked_at_the_provider_s_dashboard(production):
    assert production(EMAIL_PROVIDER="postal", PROVIDER_TRACKING_OFF=True) == set()


def test_security_txt_says_whom_to_tell(client, settings):
    settings.TEAM_EMAIL, settings.SITE_URL = "team@ihop.test", "https://www.ihop.example.org"
    answer = client.get("/.well-known/security.txt")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    lines = answer.content.decode().splitlines()
    assert "Contact: mailto:team@ihop.test" in lines
    assert "Canonical: https://www.ihop.example.org/.well-known/security.txt" in lines
    assert any(line.startswith("Expires: 2") and line.endswith("T00:00:00Z") for line in lines)
