-- The review event $id, or no row.
select * from review_events where id = $id;
