-- Exactly one row: how many rows, interactions, judgements, people and made-up questions the adapter $adapter, or all it was merged from, was trained on.
with taught as (
    select interactions, ratings, users, synthetics
    from dataset_rows
    where dataset in (select dataset from adapter_datasets where adapter = $adapter)
)
select
    (select count(*) from taught) as "rows",
    (select count(distinct one) from (select unnest(interactions::varchar[]) as one from taught)) as interactions,
    (select count(distinct one) from (select unnest(ratings::varchar[]) as one from taught)) as ratings,
    (select count(distinct one) from (select unnest(users::varchar[]) as one from taught)) as people,
    (select count(distinct one) from (select unnest(synthetics::varchar[]) as one from taught)) as synthetics;
