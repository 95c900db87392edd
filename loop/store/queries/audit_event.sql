-- The audit event $id, or no row.
select * from audit_events where id = $id;
