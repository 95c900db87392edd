-- Every audit event, oldest first: what loop.store.audit.verify_chain reads.
select * from audit_events order by "at", id;
