-- One row per week and currency in which metered runs for $assistant ended, oldest first, the newest $limit weeks: runs, those whose amount or energy is not known, what was spent, and the sums since the first run.
-- $limit is 104 if not given.
with mine as (
    select runs.id, date_trunc('week', runs."at")::date as week
    from runs
    where runs.dataset in (select id from datasets where assistant = $assistant)
),
spent as (
    select
        mine.week,
        costs.currency,
        count(*) as runs,
        count(*) - count(costs.amount) as unpriced,
        count(*) - count(costs.kwh) as unread,
        sum(costs.device_seconds) as device_seconds,
        sum(costs.kwh) as kwh,
        sum(costs.amount) as amount
    from mine
    join costs on costs.run = mine.id
    group by mine.week, costs.currency
),
summed as (
    select
        *,
        sum(device_seconds) over so_far as total_device_seconds,
        sum(kwh) over so_far as total_kwh,
        sum(amount) over so_far as total_amount
    from spent
    window so_far as (partition by currency order by week)
)
select *
from summed
qualify dense_rank() over (order by week desc) <= $limit::bigint
order by week, currency;
