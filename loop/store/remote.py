"""The store of another process, over HTTP: the same methods, the same rows, the same errors."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Any
from urllib.parse import urlsplit

import httpx
import pyarrow as pa

from knowledge.errors import RatchetError
from loop.store.ids import new_id
from loop.store.records import Record
from loop.store.tables import Batch, encode, rows_of
from loop.store.wire import ARROW, read_table, write_batch, write_parameters

_TIMEOUT = httpx.Timeout(300, connect=10)  # a large append is committed before it is answered
_DROPPED = (httpx.NetworkError, httpx.RemoteProtocolError)  # the answer may be lost, or the call


class RemoteStore:
    """The store that a server at an address holds; see `loop.store.store.Store`.

    A call whose connection drops is sent once more. That is safe for all of them: appends leave
    rows alone whose key is there, and every command carries an id by which it is done once.

    Args:
        address: Where the server is, like "http://127.0.0.1:8300".
        key: Its API key; None sends none.
        key_name: The environment variable that the key comes from, for messages.
    """

    def __init__(self, address: str, key: str | None, *, key_name: str) -> None:
        self.address = address.rstrip("/")
        self._key = key
        self._key_name = key_name
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=_TIMEOUT,
            trust_env=urlsplit(address).hostname not in ("127.0.0.1", "localhost", "::1"),
        )

    def append(self, records: Sequence[Record]) -> None:
        self.append_batch(encode(records))

    def append_batch(self, batch: Batch) -> None:
        if batch:
            self._post("append", write_batch(batch), ARROW)

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        body = {"name": name, "parameters": write_parameters(parameters)}
        return rows_of(read_table(self._post("query", _json(body))))

    def scan(self, name: str, /, **parameters: Any) -> Iterator[pa.Table]:
        body = {"name": name, "parameters": write_parameters(parameters)}
        with tempfile.TemporaryFile() as file:  # a slow reader must not hold the server's cursor
            self._fetch("scan", _json(body), file)
            file.seek(0)
            reader = pa.ipc.open_stream(file)
            yield reader.schema.empty_table()
            for batch in reader:
                yield pa.Table.from_batches([batch])

    def command(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        arguments["id"] = arguments.get("id") or new_id()
        result: dict[str, Any] = json.loads(
            self._post("command", _json({"name": name, "arguments": arguments}))
        )
        return result

    def close(self) -> None:
        self._client.close()

    def _post(self, path: str, content: bytes, kind: str = "application/json") -> bytes:
        """What the server answers.

        Raises:
            RatchetError: It refused, failed, or does not answer.
        """
        url = f"{self.address}/store/{path}"
        headers = {"Content-Type": kind}
        try:
            try:
                response = self._client.post(url, content=content, headers=headers)
            except httpx.ConnectError:
                raise
            except _DROPPED:
                response = self._client.post(url, content=content, headers=headers)
        except (httpx.TransportError, httpx.InvalidURL) as problem:
            raise self._silent(problem) from problem
        if response.status_code == 200:
            return response.content
        raise self._refused(response)

    def _fetch(self, path: str, content: bytes, file: IO[bytes]) -> None:
        """What the server answers, into a file, however much it is.

        Raises:
            RatchetError: It refused, failed, or does not answer to the end.
        """
        try:
            with self._client.stream(
                "POST", f"{self.address}/store/{path}", content=content
            ) as sent:
                if sent.status_code != 200:
                    sent.read()
                    raise self._refused(sent)
                for part in sent.iter_bytes():
                    file.write(part)
        except (httpx.TransportError, httpx.InvalidURL) as problem:
            raise self._silent(problem) from problem

    def _silent(self, problem: Exception) -> RatchetError:
        return RatchetError(
            f"{self.address}: no answer from the server that holds the store ({problem}). "
            "Start it there with `ratchet up`, or correct `store` in ratchet.toml."
        )

    def _refused(self, response: httpx.Response) -> RatchetError:
        said = _message(response)
        if response.status_code == 400:
            return RatchetError(said)
        if response.status_code in (401, 403):
            do = "Correct the key" if self._key else "Put the server's key"
            return RatchetError(
                f"{self.address}: {said} {do} in the environment variable {self._key_name}."
            )
        return RatchetError(
            f"{self.address} answered {response.status_code}: {said} "
            "Look into the log of that server; is it `ratchet up`?"
        )


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()


def _message(response: httpx.Response) -> str:
    """What the server said: its error's message, or the start of whatever it sent."""
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200].strip() or "no reason was given."
