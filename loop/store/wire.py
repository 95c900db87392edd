"""Rows on their way between two processes: Arrow streams, one after the other, one per table."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from knowledge.errors import RatchetError
from loop.store.tables import JSON, Batch, tables

ARROW = "application/vnd.apache.arrow.stream"
_NAME = b"table"  # schema metadata: which table the rows are for
_TIME = "time"  # key of a time among parameters, which JSON cannot tell from a text


def write_batch(batch: Batch) -> bytes:
    """All tables of a batch, each as a stream that says whose rows it holds."""
    sink = pa.BufferOutputStream()
    for name, rows in batch.items():
        _write(sink, rows.replace_schema_metadata({_NAME: name.encode()}))
    return bytes(sink.getvalue())


def read_batch(content: bytes) -> Batch:
    """The batch, checked as if its rows had been encoded here.

    Raises:
        RatchetError: It is cut off, names no table of ours, or a column does not fit its table.
    """
    source = pa.BufferReader(content)
    batch: dict[str, pa.Table] = {}
    try:
        while source.tell() < len(content):
            rows = pa.ipc.open_stream(source).read_all()
            name = (rows.schema.metadata or {}).get(_NAME, b"").decode(errors="replace")
            if name in batch:
                raise RatchetError(f"The rows of {name} came twice. Nothing was recorded.")
            batch[name] = _checked(name, rows)
    except (pa.ArrowException, OSError) as problem:  # OSError: cut off
        raise RatchetError(f"These are no whole Arrow streams: {problem}") from problem
    return batch


def write_table(rows: pa.Table) -> bytes:
    """Rows of a query with the marks on their fields."""
    sink = pa.BufferOutputStream()
    _write(sink, rows)
    return bytes(sink.getvalue())


def write_tables(parts: Iterator[pa.Table]) -> Iterator[bytes]:
    """Rows of a scan, piece by piece, as one stream; the first part is read at once.

    Raises:
        RatchetError: The scan cannot begin.
    """
    first = next(parts)

    def pieces() -> Iterator[bytes]:
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, first.schema) as stream:
            for part in itertools.chain([first], parts):
                stream.write_table(part)
                yield sink.getvalue()
                sink.seek(0)
                sink.truncate()
        yield sink.getvalue()

    return pieces()


def read_table(content: bytes) -> pa.Table:
    """Rows of a query.

    Raises:
        pyarrow.ArrowException: They are cut off.
    """
    return pa.ipc.open_stream(content).read_all()


def write_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a query as JSON can hold them.

    >>> from datetime import UTC
    >>> write_parameters({"limit": 5, "before": datetime(2026, 11, 24, tzinfo=UTC)})
    {'limit': 5, 'before': {'time': '2026-11-24T00:00:00+00:00'}}
    """
    return {
        name: {_TIME: value.isoformat()} if isinstance(value, datetime) else value
        for name, value in parameters.items()
    }


def read_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as they were given.

    Raises:
        RatchetError: One is an object but no time.
    """
    return {name: _parameter(name, value) for name, value in parameters.items()}


def _parameter(name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    try:
        return datetime.fromisoformat(value[_TIME])
    except (KeyError, TypeError, ValueError) as problem:
        raise RatchetError(f"Parameter {name!r} is {value!r}, expected a plain value.") from problem


def _write(sink: pa.NativeFile, rows: pa.Table) -> None:
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)


def _checked(name: str, rows: pa.Table) -> pa.Table:
    table = tables().get(name)
    if table is None:
        raise RatchetError(f"There is no table {name!r}. Nothing was recorded.")
    if not rows.schema.equals(table.schema):
        raise RatchetError(
            f"{name}: the columns are not the ones kept here. Nothing was recorded; "
            "run the same version of Ratchet on both sides."
        )
    rows.validate(full=True)
    for column, field in zip(rows.columns, table.schema, strict=True):
        if column.null_count and not field.nullable:
            raise RatchetError(
                f"{name}.{field.name}: null, where a value is required. Nothing was recorded."
            )
        if field.metadata == JSON:
            _check_json(f"{name}.{field.name}", column)
    return rows.cast(table.schema)


def _check_json(place: str, column: pa.ChunkedArray) -> None:
    for text in column.to_pylist():
        if text is None:
            continue
        try:
            json.loads(text, parse_constant=_refuse)
        except ValueError as problem:
            raise RatchetError(f"{place}: not JSON: {problem}. Nothing was recorded.") from problem


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value")
