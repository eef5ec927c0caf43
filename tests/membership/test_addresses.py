"""Addresses: one spelling for each, nothing that could break out of a header, and a hash that needs its key."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cms.addresses import MAX_LENGTH, address_hash, masked, normalise_address

LETTERS = st.characters(categories=["L", "M", "N"]) | st.sampled_from("abcXYZ09._+-'ÄöÇßİıΣς")
DOMAINS = ["example.org", "EXAMPLE.org", "bücher.example", "BÜCHER.example", "日本語.example", "xn--bcher-kva.example"]
typed_addresses = st.builds("{}@{}".format, st.text(LETTERS, min_size=1, max_size=30), st.sampled_from(DOMAINS))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("sam@example.org", "sam@example.org"),
        ("Sam.Sample@Example.ORG", "sam.sample@example.org"),
        ("  sam@example.org\t\r\n", "sam@example.org"),
        ("sam+news@example.org", "sam+news@example.org"),
        ("o'neill@example.org", "o'neill@example.org"),
        ("sam@bücher.example", "sam@xn--bcher-kva.example"),
        ("SAM@BÜCHER.example", "sam@xn--bcher-kva.example"),
        ("sam@XN--BCHER-KVA.example", "sam@xn--bcher-kva.example"),
    ],
)
def test_every_spelling_becomes_one(typed, kept):
    assert normalise_address(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "sam",
        "sam@",
        "@example.org",
        "sam@@example.org",
        "sam@example.org, eve@example.org",
        "sam sample@example.org",
        "Sam <sam@example.org>",
        '"sam sample"@example.org',
        "sam@[127.0.0.1]",
        "sam@localhost",
        "sam@printer.local",
        "sam..sample@example.org",
        ".sam@example.org",
        "sam@-example.org",
        "sam@example..org",
        "sam@exa_mple.org",
        "<script>@example.org",
        "sam@example.org?bcc=eve@example.org",
        "jürgen@example.org",  # needs SMTPUTF8 on every hop (ADR 9)
        "用户@example.org",
        "x" * 10_000,
        "x" * 10_000 + "@example.org",
    ],
    ids=lambda typed: typed[:30],
)
def test_what_is_not_an_address_is_refused(typed):
    with pytest.raises(ValueError, match="address"):
        normalise_address(typed)


SIGNS = {
    "line feed": "\n",
    "carriage return": "\r",
    "both": "\r\n",
    "null": "\0",
    "delete": "\x7f",
    "next line": "\x85",
    "escape": "\x1b",
    "right-to-left override": "\u202e",
    "left-to-right mark": "\u200e",
    "isolate": "\u2066",
    "arabic letter mark": "\u061c",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "zero-width non-joiner": "\u200c",
    "byte order mark": "\ufeff",
    "soft hyphen": "\xad",
    "word joiner": "\u2060",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
}


@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS.keys())
@pytest.mark.parametrize(
    "pattern", ["s{}am@example.org", "sam{}@example.org", "sam@exam{}ple.org", "sam@example.org{}x"]
)
def test_signs_that_break_headers_or_deceive_are_refused(sign, pattern):
    with pytest.raises(ValueError, match="does not belong"):
        normalise_address(pattern.format(sign))


def test_header_injection_is_refused():
    with pytest.raises(ValueError, match="does not belong"):
        normalise_address("sam@example.org\r\nBcc: eve@example.org")


def test_254_characters_are_allowed_and_255_are_not():
    longest = f"{'a' * 64}@{'b' * 62}.{'c' * 62}.{'d' * 59}.org"
    assert len(longest) == MAX_LENGTH
    assert normalise_address(longest) == longest
    with pytest.raises(ValueError, match="address"):
        normalise_address(longest.replace(".org", "d.org"))


def test_length_is_that_of_the_encoded_domain():
    typed = f"{'a' * 64}@{'.'.join(['ü' * 40] * 3)}.example"
    assert len(typed) < MAX_LENGTH
    with pytest.raises(ValueError, match="address"):
        normalise_address(typed)


@given(typed_addresses)
@example("J\u030c@example.org")  # a capital that has no composed form, though its small letter has one
@example("İ@example.org")
@example("ΑΣ@example.org")
def test_normalising_twice_changes_nothing(typed):
    try:
        once = normalise_address(typed)
    except ValueError:
        return
    assert normalise_address(once) == once
    assert len(once) <= MAX_LENGTH
    assert once.rpartition("@")[2].isascii()
    assert not any(unicodedata.category(letter)[0] in "CZ" for letter in once)


@given(st.text(max_size=300))
def test_any_text_is_normalised_or_refused_with_a_sentence(text):
    sentence = "This is one."
    try:
        normalise_address(text)
    except ValueError as refused:
        sentence = str(refused)
    assert sentence.startswith("This ")


@given(typed_addresses)
def test_case_never_makes_a_second_address(typed):
    typed = typed.encode("ascii", "ignore").decode()
    try:
        kept = normalise_address(typed)
    except ValueError:
        return
    assert normalise_address(typed.upper()) == normalise_address(typed.lower()) == kept


def test_hash_is_64_hex_digits_and_needs_its_key(settings):
    first = address_hash("sam@example.org")
    assert re.fullmatch(r"[0-9a-f]{64}", first)
    assert address_hash("sam@example.org") == first
    assert address_hash("eve@example.org") != first
    settings.SECRET_KEY = "a new one after a rotation"
    assert address_hash("sam@example.org") == first, "it must outlive the secret key"
    settings.ADDRESS_HASH_KEY = "another"
    assert address_hash("sam@example.org") != first


@given(typed_addresses)
def test_masked_shows_the_first_letter_and_the_domain_only(typed):
    try:
        address = normalise_address(typed)
    except ValueError:
        return
    local, _, domain = address.rpartition("@")
    assert masked(address) == f"{local[0]}…@{domain}"
