"""Contexts are kept for one certificate each, and failures are not kept at all."""

import ssl

import pytest

from shared.tls import kept_for_a_while


def test_a_context_is_given_again_for_the_same_certificate_only() -> None:
    trusting = kept_for_a_while(lambda _certificate: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    assert trusting("one") is trusting("one")
    assert trusting("one") is not trusting("another")


def test_a_certificate_that_is_none_is_looked_at_again() -> None:
    asked = []

    def _refuse(certificate: str) -> ssl.SSLContext:
        asked.append(certificate)
        raise ssl.SSLError("It is none.")

    trusting = kept_for_a_while(_refuse)
    for _again in range(2):
        with pytest.raises(ssl.SSLError):
            trusting("text")
    assert asked == ["text", "text"]


def test_what_the_host_trusts_is_read_again_after_some_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    trusting = kept_for_a_while(lambda _certificate: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    before = trusting("")
    now = 299
    assert trusting("") is before
    now = 301
    assert trusting("") is not before


def test_nothing_older_than_tls_1_2_is_spoken_whatever_python_was_built_to_allow() -> None:
    def _lenient(_certificate: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        return context

    assert kept_for_a_while(_lenient)("").minimum_version is ssl.TLSVersion.TLSv1_2
