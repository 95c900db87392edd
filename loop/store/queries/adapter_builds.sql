-- Adapters built on the adapter $adapter, or merged from it, whose files were not pruned, oldest first.
select adapters.*
from adapters
join adapter_origins origins on origins.adapter = adapters.id
where
    origins.origin = $adapter
    and adapters.id not in (select adapter from pruned_adapters)
order by adapters."at", adapters.id;
