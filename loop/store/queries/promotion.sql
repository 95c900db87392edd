-- The change of champion $id, or no row.
select * from promotions where id = $id;
