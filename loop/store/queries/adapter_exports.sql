-- Audit events of exports of the adapters in the list $ids, oldest first.
select *
from audit_events
where action = 'export_adapter' and subject in (select unnest($ids::varchar[]))
order by "at", id;
