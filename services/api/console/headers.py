"""What every answer of the console says about itself: where it may load from, and that nobody may keep or frame it."""

from collections.abc import Mapping

from services.api.web.headers import AnswerHeaders

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ONE_YEAR = 31_536_000


class SecurityHeaders(AnswerHeaders):
    """ASGI middleware: adds the headers to whatever the console answers, refusals and files too."""

    always: Mapping[str, str] = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        # Addresses name people and extensions.
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cache-Control": "no-store",
    }
    over_https: Mapping[str, str] = {"Strict-Transport-Security": f"max-age={_ONE_YEAR}"}
