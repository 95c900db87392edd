-- The newest A/B tests of $assistant with their status and the people seen in them, newest first, at most $limit.
-- $limit is 50 if not given.
with newest as (
    select * from experiments_now
    where assistant = $assistant
    order by "at" desc, id desc
    limit $limit::bigint
),
seen as (
    select experiment, count(distinct "user") as users
    from exposures
    where experiment in (select id from newest)
    group by experiment
)
select newest.*, coalesce(seen.users, 0) as users
from newest
left join seen on seen.experiment = newest.id
order by newest."at" desc, newest.id desc;
