-- Interactions of $assistant before the time $before, newest first, at most $limit; null: all.
-- $limit is 100 if not given.
-- $before is null if not given.
select *
from interactions
where assistant = $assistant and ($before::timestamptz is null or "at" < $before::timestamptz)
order by "at" desc, id desc
limit $limit::bigint;
