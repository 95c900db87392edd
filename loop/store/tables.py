"""Records ↔ rows: the one definition of table names, column types and how values cross over."""

from __future__ import annotations

import json
import operator
import re
import types
import typing
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import orjson
import pyarrow as pa

from loop.store.records import Record

R = TypeVar("R", bound=Record)
Batch = Mapping[str, pa.Table]  # table name → rows with that table's schema

RECORDS: tuple[type[Record], ...] = typing.get_args(Record)
_NAMES: dict[Any, tuple[str, ...]] = {
    record: tuple(one.name for one in fields(record)) for record in RECORDS
}
INSTANT = pa.timestamp("us", tz="UTC")
JSON = {b"json": b"1"}  # field metadata: this text is JSON
_PLAIN: dict[Any, pa.DataType] = {
    str: pa.string(),
    float: pa.float64(),
    int: pa.int64(),
    bool: pa.bool_(),
    datetime: INSTANT,
}
_write_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A record class as a table: field metadata marks JSON, `nullable` what may be absent."""

    name: str
    record: type[Record]
    schema: pa.Schema
    values: Callable[[Record], tuple[Any, ...]]  # a record's fields in column order


def table_name(record: type[Record]) -> str:
    """Snake case, plural.

    >>> from loop.store.records import DatasetRow
    >>> table_name(DatasetRow)
    'dataset_rows'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", record.__name__).lower() + "s"


def table_of(record: type[Record]) -> Table:
    """The table that keeps records of this class."""
    return tables()[table_name(record)]


@cache
def tables() -> dict[str, Table]:
    """Every table by its name."""
    return {table_name(record): _table(record) for record in RECORDS}


def encode(records: Sequence[Record]) -> Batch:
    """Records as one Arrow table per record class, in the order given.

    Raises:
        ValueError: A value does not fit its column, a time has no zone, or JSON holds NaN.
    """
    by_class: dict[type[Record], list[Record]] = defaultdict(list)
    for record in records:
        by_class[type(record)].append(record)
    return {table_name(cls): _encode(table_of(cls), rows) for cls, rows in by_class.items()}


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """An Arrow table as dicts: marked JSON parsed, times in UTC."""
    columns = [_values(column, field) for column, field in zip(table, table.schema, strict=True)]
    names = table.column_names
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def from_row(record: type[R], row: Mapping[str, Any]) -> R:
    """The record in a row of its table; columns of a join beside it are left out."""
    return record(**{name: row[name] for name in _NAMES[record]})


def _table(record: type[Record]) -> Table:
    hints = typing.get_type_hints(record)
    names = _NAMES[record]
    return Table(
        name=table_name(record),
        record=record,
        schema=pa.schema([_column(name, hints[name]) for name in names]),
        values=operator.attrgetter(*names),
    )


def _column(name: str, hint: Any) -> pa.Field:
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    optional = type(None) in kinds
    kind = next(k for k in kinds if k is not type(None))
    if typing.get_origin(kind) is typing.Literal:
        kind = str
    if kind in _PLAIN:
        return pa.field(name, _PLAIN[kind], nullable=optional)
    return pa.field(name, pa.string(), nullable=optional, metadata=JSON)


def _encode(table: Table, records: Sequence[Record]) -> pa.Table:
    columns = zip(*(table.values(record) for record in records), strict=True)
    arrays = [_array(table.name, f, c) for f, c in zip(table.schema, columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=table.schema)


def _array(table: str, field: pa.Field, values: Sequence[Any]) -> pa.Array:
    try:
        if field.metadata == JSON:
            values = [None if value is None else _write_json(value) for value in values]
        elif field.type == INSTANT and any(v is not None and v.tzinfo is None for v in values):
            raise ValueError("a time has no zone; times are UTC")
        array = pa.array(values, type=field.type)
    except (TypeError, ValueError, OverflowError, pa.ArrowException) as problem:
        raise ValueError(f"{table}.{field.name}: {problem}") from problem
    if array.null_count and not field.nullable:
        raise ValueError(f"{table}.{field.name}: None, where a value is required")
    return array


def _values(column: pa.ChunkedArray, field: pa.Field) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if field.metadata == JSON:
        return [None if value is None else orjson.loads(value) for value in values]
    if pa.types.is_timestamp(field.type):
        return [None if value is None else value.replace(tzinfo=UTC) for value in values]
    return values
