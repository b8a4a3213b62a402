"""The console's three cookies: session, guest token of the sign-in forms, and the notice that survives one redirect.

Browsers share cookies between the ports of one host, and two gateways often run on one machine: so every name carries the port.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from counterseal.surfaces.web.states import Tone

_NOTICE_LIFETIME: Final = timedelta(minutes=2)
_MAXIMUM_NOTICE_CHARACTERS: Final = 600
"""A cookie holds 4 KiB, and the notice is base64 of JSON with escapes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The result of what was just done."""

    title: str
    text: str = ""
    tone: Tone = Tone.OK


def _name(request: Request, purpose: str) -> str:
    port = request.url.port or (443 if request.url.scheme == "https" else 80)
    return f"counterseal_{purpose}_{port}"


def _set(response: Response, request: Request, purpose: str, value: str, lifetime: timedelta | None) -> None:
    response.set_cookie(
        _name(request, purpose),
        value,
        max_age=int(lifetime.total_seconds()) if lifetime else None,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def session_secret(request: Request) -> str:
    return request.cookies.get(_name(request, "session"), "")


def begin_session(response: Response, request: Request, secret: str) -> None:
    """Ends with the browser, at the latest when the session itself ends on the server."""
    _set(response, request, "session", secret, None)


def end_session(response: Response, request: Request) -> None:
    response.delete_cookie(_name(request, "session"), path="/", httponly=True, samesite="lax")


def guest_token(request: Request) -> str:
    """What a form shown to nobody in particular must repeat: the sign-in forms have no session to lean on."""
    return request.cookies.get(_name(request, "guest"), "")


def set_guest_token(response: Response, request: Request, token: str) -> None:
    _set(response, request, "guest", token, None)


def set_notice(response: Response, request: Request, notice: Notice, *, key: str) -> None:
    """``key`` is the session's CSRF secret: nobody else can put words on the page."""
    fields = [notice.title[:200], notice.text[:_MAXIMUM_NOTICE_CHARACTERS], notice.tone.value]
    body = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode("ascii")
    _set(response, request, "notice", f"{body}.{_mark(body, key)}", _NOTICE_LIFETIME)


def read_notice(request: Request, *, key: str) -> Notice | None:
    body, _, mark = request.cookies.get(_name(request, "notice"), "").partition(".")
    if not body or not hmac.compare_digest(mark.encode(), _mark(body, key).encode()):
        return None
    title, text, tone = json.loads(base64.urlsafe_b64decode(body))
    return Notice(title=str(title), text=str(text), tone=Tone(tone))


def clear_notice(response: Response, request: Request) -> None:
    if _name(request, "notice") in request.cookies:
        response.delete_cookie(_name(request, "notice"), path="/", httponly=True, samesite="lax")


def _mark(body: str, key: str) -> str:
    return hmac.new(key.encode(), b"notice:" + body.encode(), hashlib.sha256).hexdigest()
