-- Why the adapter $adapter, or any if null, is marked: it learnt from somebody who was forgotten or who withdrew, or builds on one that did.
-- $adapter is null if not given.
-- An adapter that is registered after its dataset was erased, or on a marked one, is marked, too.
with recursive known as (
    select adapter, reason, forget, via, "at" from adapter_marks
    union
    select adapters.id, 'forgotten', stones.forget, adapters.dataset, stones."at"
    from adapters
    join dataset_tombstones stones on stones.dataset = adapters.dataset
    where not exists (
        from adapter_marks m where m.adapter = adapters.id and m.forget = stones.forget
    )
),
built as (
    select * from known
    union
    select origins.adapter, built.reason, built.forget, origins.origin, built."at"
    from adapter_origins origins
    join built on origins.origin = built.adapter
)
select adapter, reason, forget, min(via) as via, min("at") as "at"
from built
where $adapter::varchar is null or adapter = $adapter::varchar
group by adapter, reason, forget
order by min("at"), adapter, forget;
