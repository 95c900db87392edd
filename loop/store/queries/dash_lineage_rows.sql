-- Some of the rows that the adapter $adapter was trained on, with where they came from, at most $limit.
-- $limit is 20 if not given.
select *
from dataset_rows
where dataset in (select dataset from adapter_datasets where adapter = $adapter)
order by kind, "row"
limit $limit::bigint;
