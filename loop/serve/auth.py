"""Who may talk to this server: one key, checked before anything else happens."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import os
import socket
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from knowledge.errors import RatchetError
from loop.serve.errors import error_response
from loop.settings import Settings

OPEN = frozenset({"/healthz"})
API = ("/v1/", "/store/", "/metrics", "/openapi.json")  # answered with JSON, asked with Bearer
COOKIE = "ratchet_session"
SESSION = 12 * 3600  # seconds a browser stays signed in


def api_key(settings: Settings) -> str | None:
    """The key that requests must carry, from the environment; None when there is none."""
    return os.environ.get(settings.serve.key_env, "").strip() or None


def is_loopback(host: str) -> bool:
    """Is this an address that only this machine can reach?

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        pass
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(a).is_loopback for a in found)


def check_bind(settings: Settings, key: str | None) -> None:
    """Refuse to serve the network without a key.

    Raises:
        RatchetError: The host is not a loopback address and no key is set.
    """
    serve = settings.serve
    if key is None and not is_loopback(serve.host):
        raise RatchetError(
            f"serve.host is {serve.host!r}, which others can reach, and no API key is set. "
            f"Put one into the environment variable {serve.key_env}, or serve on 127.0.0.1."
        )


class Refusal(NamedTuple):
    """Why a request goes no further."""

    status: int
    message: str


class Gate:
    """ASGI middleware in front of everything: API, store endpoints, pages and their websocket.

    With a key, a request needs it as a Bearer token, or, for browsers, as the password of HTTP
    Basic auth (any user name), which also starts a session cookie because not every browser
    sends Basic auth with a websocket. Without a key only names of this machine are answered, so
    that a page elsewhere cannot reach the server by rebinding its own name. Pages of other sites
    are refused either way.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        key: str | None,
        host: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.app = app
        self._key = key.encode() if key else None
        self._host = host.lower()
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in OPEN:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._foreign(headers) or self._stranger(headers)
        if refusal is None:
            await self.app(scope, receive, self._with_session(headers, send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.message})
        else:
            await _refuse(refusal, scope["path"])(scope, receive, send)

    def _foreign(self, headers: Headers) -> Refusal | None:
        """Another site's page, or, without a key, another name than this machine's."""
        host = headers.get("host", "")
        if self._key is None:
            name = (urlsplit(f"//{host}").hostname or "").lower()
            if name != self._host and not _names_this_machine(name):
                return Refusal(403, f"Host {host!r} is not this machine; set a key to serve it.")
        origin = headers.get("origin")
        if origin is not None:
            mine = {host.lower(), headers.get("x-forwarded-host", host).lower()}
            if urlsplit(origin).netloc.lower() not in mine:
                return Refusal(403, f"Pages of {origin!r} may not use this server.")
        return None

    def _stranger(self, headers: Headers) -> Refusal | None:
        if self._key is None:
            return None
        scheme, _, credential = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if self._is_key(credential.strip().encode()):
                return None
        elif scheme.lower() == "basic":
            if self._is_key(_password(credential)):
                return None
        elif self._in_session(headers):
            return None
        if not scheme:
            return Refusal(401, "No API key. Send it as `Authorization: Bearer KEY`.")
        return Refusal(401, "That API key is not valid here.")

    def _is_key(self, given: bytes) -> bool:
        return self._key is not None and hmac.compare_digest(given, self._key)

    def _with_session(self, headers: Headers, send: Send) -> Send:
        """After Basic auth the answer also sets the session cookie."""
        if self._key is None or not headers.get("authorization", "").lower().startswith("basic"):
            return send
        secure = "; Secure" if headers.get("x-forwarded-proto") == "https" else ""
        expires = int(self._now()) + SESSION
        cookie = f"{COOKIE}={self._token(expires)}; Path=/; HttpOnly; SameSite=Strict{secure}"

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {
                    **message,
                    "headers": [*message["headers"], (b"set-cookie", cookie.encode())],
                }
            await send(message)

        return send_with_cookie

    def _token(self, expires: int) -> str:
        assert self._key is not None
        mark = hmac.new(self._key, f"ratchet session {expires}".encode(), hashlib.sha256)
        return f"{expires}.{mark.hexdigest()}"

    def _in_session(self, headers: Headers) -> bool:
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        given = cookies[COOKIE].value if COOKIE in cookies else ""
        expires = given.partition(".")[0]
        return (
            expires.isdecimal()
            and len(expires) < 13
            and int(expires) > self._now()
            and hmac.compare_digest(given.encode(), self._token(int(expires)).encode())
        )


def _names_this_machine(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _password(credential: str) -> bytes:
    try:
        _, _, password = base64.b64decode(credential, validate=True).partition(b":")
    except binascii.Error:
        return b""
    return password


def _refuse(refusal: Refusal, path: str) -> Response:
    if f"{path}/".startswith(API) or path in API:
        response: Response = error_response(refusal.status, refusal.message)
        challenge = "Bearer"
    else:
        response = PlainTextResponse(refusal.message, status_code=refusal.status)
        challenge = 'Basic realm="Ratchet", charset="UTF-8"'
    if refusal.status == 401:
        response.headers["WWW-Authenticate"] = challenge
    return response
