-- The dataset version $id, or no row.
select * from datasets where id = $id;
