-- Marks of the adapter $adapter, oldest first: that it learnt from somebody forgotten or withdrawn; null: of all adapters.
-- $adapter is null if not given.
select *
from adapter_marks
where $adapter::varchar is null or adapter = $adapter::varchar
order by "at", id;
