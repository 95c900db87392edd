-- Audit events of exports of the datasets in the list $ids, oldest first.
select *
from audit_events
where action = 'export' and subject in (select unnest($ids::varchar[]))
order by "at", id;
