-- One row per adapter of $assistant that was evaluated ("base" too): newest time, suites. Newest first.
-- $limit is 200 if not given.
select adapter, max("at") as "at", count(distinct suite) as suites
from evaluations
where adapter = 'base' or adapter in (select id from adapters where assistant = $assistant)
group by adapter
order by "at" desc, adapter
limit $limit::bigint;
