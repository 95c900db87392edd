-- The gate's newest verdicts for $assistant, newest first, at most $limit.
-- $limit is 20 if not given.
select *
from decisions
where assistant = $assistant
order by "at" desc, id desc
limit $limit::bigint;
