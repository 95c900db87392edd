-- The training run $id, or no row.
select * from runs where id = $id;
