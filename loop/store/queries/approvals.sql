-- What people said to the verdict $decision, oldest first.
select * from approvals where decision = $decision order by "at", id;
