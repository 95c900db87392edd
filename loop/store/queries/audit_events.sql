-- The newest audit events, newest first, at most $limit.
-- $limit is 100 if not given.
select * from audit_events order by "at" desc, id desc limit $limit::bigint;
