-- Every adapter of every assistant whose files were not pruned, with `since` when they are there, newest first.
select
    adapters.*,
    greatest(
        adapters."at",
        (select max("at") from audit_events where action = 'restore_adapter' and subject = adapters.id)
    ) as since
from adapters
where id not in (select adapter from pruned_adapters)
order by since desc, id desc;
