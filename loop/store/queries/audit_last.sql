-- The newest audit event; no row before the first.
select * from audit_events order by "at" desc, id desc limit 1;
