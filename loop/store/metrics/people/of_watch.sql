-- One row per person and time, before and since the promotion at $since of $assistant: {about}.
-- Before: answers of $previous from $start on; since: answers of $adapter.
-- $until is null if not given.
-- A person who asked before and since has a row for each.
with latest as (
{values}
)
select
    bool_or(asked."at" >= $since::timestamptz) as other,
    bool_and(asked."at" >= $since::timestamptz) as only,
    coalesce(sum(latest."value"), 0.0)::double as total,
    count(latest."value")::double as n,
    0.0::double as early
from interactions as asked
left join latest on latest.interaction = asked.id
where asked.assistant = $assistant
    and (
        (asked."at" >= $since::timestamptz and asked.adapter = $adapter)
        or (
            asked."at" >= $start::timestamptz
            and asked."at" < $since::timestamptz
            and asked.adapter = $previous
        )
    )
group by asked."user", asked."at" >= $since::timestamptz;
