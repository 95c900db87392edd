"""Every error in the shape OpenAI's clients expect."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from knowledge.errors import RatchetError

log = logging.getLogger(__name__)

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}


class ApiError(Exception):
    """A request that cannot be served, with all that its answer says."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param


def error_body(
    status: int, message: str, *, code: str | None = None, param: str | None = None
) -> dict[str, dict[str, str | None]]:
    """{"error": {"message", "type", "param", "code"}} as OpenAI gives it."""
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_response(
    status: int, message: str, *, code: str | None = None, param: str | None = None
) -> JSONResponse:
    """The error as a response."""
    return JSONResponse(error_body(status, message, code=code, param=param), status_code=status)


def problem_of(problem: BaseException) -> ApiError:
    """What a caller is told of an exception; the details of our own bugs stay in the log."""
    if isinstance(problem, ApiError):
        return problem
    if isinstance(problem, RatchetError):
        return ApiError(400, str(problem))
    return ApiError(500, "Something broke on our side; the server's log has it.")


def install(app: FastAPI) -> None:
    """Answer every kind of failure of the app in this format."""

    async def known(request: Request, problem: Exception) -> JSONResponse:
        told = problem_of(problem)
        return error_response(told.status, str(told), code=told.code, param=told.param)

    async def http(request: Request, problem: Exception) -> JSONResponse:
        assert isinstance(problem, HTTPException)
        response = error_response(problem.status_code, str(problem.detail))
        response.headers.update(problem.headers or {})
        return response

    async def invalid(request: Request, problem: Exception) -> JSONResponse:
        assert isinstance(problem, RequestValidationError)
        first = problem.errors()[0]
        param = _place(first["loc"])
        more = len(problem.errors()) - 1
        rest = f" ({more} more)" if more else ""
        return error_response(
            400, f"{param or 'body'}: {first['msg']}{rest}", code=first["type"], param=param
        )

    app.add_exception_handler(ApiError, known)
    app.add_exception_handler(RatchetError, known)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)


def _place(loc: Sequence[int | str]) -> str | None:
    """Where in the body a value is wrong, as one path; None for the body as a whole."""
    parts = [str(part) for part in loc if part not in ("body", "one", "many")]
    return ".".join(parts) or None


class Caught:
    """ASGI middleware that turns our own bugs into an answer and a line in the log.

    Starlette would raise them once more after answering, and the server then drops the
    connection under the client's next request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = False

        async def watch(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as problem:
            if began:
                raise
            log.exception("%s %s failed", scope["method"], scope["path"])
            told = problem_of(problem)
            await error_response(told.status, str(told))(scope, receive, send)
