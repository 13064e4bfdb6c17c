"""Only Twilio can sign (twilio.md 1.7)."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from starlette.datastructures import FormData
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from flowengine.carriers.twilio.signature import is_signed, spellings

TOKEN = "12345"
FIRST = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
SECOND = {**FIRST, "Caller": "+12349013030", "From": "+12349013030"}
VECTORS = [
    ("https://mycompany.com/myapp.php?foo=1&bar=2", FIRST, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ("https://example.com/myapp.php?foo=1&bar=2", SECOND, "vNe7KK2kJwCsxc9K3OLkkKB3qqI="),
    ("https://example.com/myapp", SECOND, "NGAgWNhdnsLF8j385frvrQoi9sg="),
    ("wss://example.com/media", {}, "7PR3qMkpDyEJtMrVOY/LDyNq8J8="),
]


@pytest.mark.parametrize(("url", "form", "signature"), VECTORS)
def test_the_vendors_vectors(url: str, form: dict[str, str], signature: str) -> None:
    assert is_signed(TOKEN, url, FormData(form), signature)
    assert not is_signed("other", url, FormData(form), signature)
    assert not is_signed(TOKEN, url + "/", FormData(form), signature)
    assert not is_signed(TOKEN, url, FormData({**form, "More": ""}), signature)


@pytest.mark.parametrize("signature", [None, "", "é", "x" * 5000, "RSOYDt4T1cUTdK1PDd93/VVr8B9="])
def test_no_other_signature_will_do(signature: str | None) -> None:
    assert not is_signed(TOKEN, VECTORS[0][0], FormData(FIRST), signature)


def test_without_a_token_nobody_can_sign() -> None:
    empty = RequestValidator("").compute_signature(VECTORS[0][0], FIRST)
    assert not is_signed("", VECTORS[0][0], FormData(FIRST), empty)


def test_repeated_parameters_count_each() -> None:
    url = "https://example.com/myapp"
    form = FormData([("Digits", "2"), ("Digits", "1"), ("CallSid", "CA1")])
    signature = RequestValidator(TOKEN).compute_signature(url, form)
    assert is_signed(TOKEN, url, form, signature)
    assert not is_signed(TOKEN, url, dict(form), signature)


@pytest.mark.parametrize(
    ("ours", "signed"),
    [
        ("https://example.com/a?b=%20c", "https://example.com:443/a?b=%20c"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("https://example.com:8443/a", "https://example.com/a"),
        ("http://example.com/a", "http://example.com:80/a"),
        ("wss://example.com/m", "wss://example.com:80/m"),
        ("wss://example.com/m", "wss://example.com:443/m"),
        ("https://[2001:db8::1]/a", "https://[2001:db8::1]:443/a"),
    ],
)
def test_ports_are_forgiven(ours: str, signed: str) -> None:
    assert is_signed(TOKEN, ours, {}, RequestValidator(TOKEN).compute_signature(signed, {}))


def test_a_port_is_never_a_different_place() -> None:
    for url in ("https://user:pass@example.com:8443/a", "https://[2001:db8::1]/a", "https://example.com/a"):
        assert {urlsplit(each).path for each in spellings(url)} == {"/a"}
        assert len({urlsplit(each).hostname for each in spellings(url)}) == 1
