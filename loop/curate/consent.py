"""Whose turns may be learnt from at all: consent, purpose, retention, licence, real people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from loop.settings import CurateSettings

if TYPE_CHECKING:
    import pyarrow as pa

    from loop.store.store import Store

WITHDRAWN = "withdrawn"
UNKNOWN = "unknown"  # a licence that nobody named
_AT_ONCE = 20_000  # rows whose passages are taken apart together
_LICENCE = '"licence":"'  # as the store writes JSON; within a text its quotes would be escaped


def withdrawn_people(store: Store, assistant: str, rules: CurateSettings) -> dict[str, datetime]:
    """Until when what each person said is out, for those who withdrew.

    A withdrawal that came with an interaction holds for what was said until then; one recorded
    with `ratchet consent withdraw` holds on, until `ratchet consent grant`.
    """
    purposes = list(rules.purposes) or None
    rows = store.query("withdrawals", assistant=assistant, purposes=purposes)
    return {str(row["user"]): row["until"] for row in rows}


def consent_reasons(
    turns: pa.Table, rules: CurateSettings, *, withdrawn: Mapping[str, datetime], now: datetime
) -> pa.Array:
    """Why each turn may not be trained on, by consent, purpose, retention and licence.

    The first that applies of: `withdrawn`, `no_consent`, `consent_…`, `no_purpose`, `purpose_…`,
    `past_retention`, `too_old`, `licence_…`, `passage_licence_…`.

    Args:
        turns: Rows of the table interactions, n of them. Of its columns, `user`, `at`, `consent`,
            `purpose`, `retain_until`, `licence` and `passages` (JSON text) are read.
        rules: The policy.
        withdrawn: Person → until when what they said is out; see `withdrawn_people`.
        now: The time at which dates are held against, UTC.

    Returns:
        Strings, shape (n,); null where the turn stays.
    """
    import pyarrow.compute as pc

    basis = basis_reasons(turns, rules, withdrawn=withdrawn, now=now)
    return pc.coalesce(basis, licence_reasons(turns, rules))


def basis_reasons(
    turns: pa.Table, rules: CurateSettings, *, withdrawn: Mapping[str, datetime], now: datetime
) -> pa.Array:
    """Of `consent_reasons` those by consent, purpose and retention."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = ("user", "at", "consent", "purpose", "retain_until")
    columns = {name: _whole(turns[name]) for name in names}
    none = pa.nulls(turns.num_rows, pa.string())
    reasons = _basis(columns, frozenset(rules.consent), withdrawn)
    if rules.purposes:
        lacks = pc.invert(pc.is_in(columns["purpose"], pa.array(rules.purposes, pa.string())))
        named = pc.binary_join_element_wise("purpose", columns["purpose"], "_")
        why = pc.if_else(pc.equal(columns["purpose"], ""), "no_purpose", named)
        reasons = pc.coalesce(reasons, pc.if_else(lacks, why, none))
    instant = pa.scalar(now, pa.timestamp("us", tz="UTC"))
    past = pc.fill_null(pc.less(columns["retain_until"], instant), False)
    reasons = pc.coalesce(reasons, pc.if_else(past, "past_retention", none))
    if rules.retention_days:
        oldest = pa.scalar(now - timedelta(days=rules.retention_days), instant.type)
        old = pc.less(columns["at"], oldest)
        reasons = pc.coalesce(reasons, pc.if_else(old, "too_old", none))
    return reasons


def licence_reasons(turns: pa.Table, rules: CurateSettings) -> pa.Array:
    """Of `consent_reasons` those by licence, of the turn and of the passages it was shown."""
    import pyarrow as pa
    import pyarrow.compute as pc

    licences = _whole(turns["licence"])
    allowed = {licence.casefold() for licence in rules.licences}
    known = pc.unique(licences).to_pylist()
    forbidden = [one for one in known if one.casefold() not in allowed]
    bad = pc.is_in(licences, pa.array(forbidden, pa.string()))
    named = pc.binary_join_element_wise("licence", licences, "_")
    reasons = pc.if_else(bad, named, pa.nulls(turns.num_rows, pa.string()))
    return _with_passages(reasons, _whole(turns["passages"]), allowed, rules.unknown_passages)


def simulated_reasons(turns: pa.Table, rules: CurateSettings) -> pa.Array:
    """Why a simulated person's turn is left out, per turn; null where it is not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    none = pa.nulls(turns.num_rows, pa.string())
    if rules.simulated:
        return none
    return pc.if_else(_whole(turns["simulated"]), "simulated", none)


def _whole(column: Any) -> Any:
    """One array of a column that may come in chunks."""
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):  # too large for one array of 32-bit offsets
        whole = pa.concat_arrays([chunk.cast(pa.large_string()) for chunk in whole.chunks])
    return whole


def _basis(
    columns: Mapping[str, Any], allowed: frozenset[str], withdrawn: Mapping[str, datetime]
) -> Any:
    """Reasons by basis and withdrawal: a withdrawal holds for all that was said until then."""
    import pyarrow as pa
    import pyarrow.compute as pc

    consent = columns["consent"]
    none = pa.nulls(len(consent), pa.string())
    gone = pc.equal(consent, WITHDRAWN)
    if withdrawn:
        kind = pa.timestamp("us", tz="UTC")
        until = pa.array([when.astimezone(UTC) for when in withdrawn.values()], kind)
        place = pc.index_in(columns["user"], pa.array(list(withdrawn), pa.string()))
        covered = pc.less_equal(columns["at"], until.take(place))
        gone = pc.or_(gone, pc.fill_null(covered, False))
    reasons = pc.if_else(gone, WITHDRAWN, none)
    empty = pc.is_in(consent, pa.array(["", "none"]))
    reasons = pc.coalesce(reasons, pc.if_else(empty, "no_consent", none))
    other = pc.invert(pc.is_in(consent, pa.array(sorted(allowed), pa.string())))
    named = pc.binary_join_element_wise("consent", consent, "_")
    return pc.coalesce(reasons, pc.if_else(other, named, none))


def _with_passages(reasons: Any, passages: Any, allowed: set[str], unknown: bool) -> Any:
    """Reasons with those of the passages added where there is none yet."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    open_n = pc.and_(pc.is_null(reasons), pc.not_equal(passages, "[]"))
    if unknown:  # a row that names no licence has no forbidden one
        open_n = pc.and_(open_n, pc.match_substring(passages, _LICENCE))
    rows_n = np.flatnonzero(open_n.to_numpy(zero_copy_only=False))
    found: list[str | None] = [None] * len(reasons)
    for start in range(0, len(rows_n), _AT_ONCE):
        some_n = rows_n[start : start + _AT_ONCE]
        texts = passages.take(pa.array(some_n))
        suspect_n = _suspects(texts, allowed) if unknown else range(len(some_n))
        for n in suspect_n:
            found[some_n[n]] = _of_passages(json.loads(texts[n].as_py()), allowed, unknown)
    return pc.coalesce(reasons, pa.array(found, pa.string()))


def _suspects(texts: Any, allowed: set[str]) -> Iterable[int]:
    """Rows in which some licence is not allowed as it is written, shape (m,)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    pieces = pc.split_pattern(texts, _LICENCE)
    owner_p = pc.list_parent_indices(pieces).to_numpy()
    flat = pc.list_flatten(pieces)
    first_p = np.ones(len(owner_p), bool)
    first_p[1:] = owner_p[1:] != owner_p[:-1]
    licences = pc.struct_field(pc.extract_regex(flat, '^(?P<licence>[^"]*)"'), "licence")
    fine = pc.is_in(pc.utf8_lower(licences), pa.array([*sorted(allowed), UNKNOWN], pa.string()))
    fine_p = fine.to_numpy(zero_copy_only=False)
    return map(int, np.unique(owner_p[~fine_p & ~first_p]))


def _of_passages(passages: Any, allowed: set[str], unknown: bool) -> str | None:
    """The first licence among the passages that forbids training."""
    for passage in passages:
        licence = str((passage.get("licence") if isinstance(passage, Mapping) else "") or UNKNOWN)
        if licence.casefold() == UNKNOWN:
            if not unknown and UNKNOWN not in allowed:
                return f"passage_licence_{UNKNOWN}"
        elif licence.casefold() not in allowed:
            return f"passage_licence_{licence}"
    return None
