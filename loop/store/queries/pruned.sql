-- One row per adapter whose files were pruned and have not been put back, or only $adapter if it is not null: when and why.
-- $adapter is null if not given.
select *
from pruned_adapters
where $adapter::varchar is null or adapter = $adapter::varchar
order by "at", adapter;
