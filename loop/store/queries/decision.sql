-- The gate's verdict $id, or no row.
select * from decisions where id = $id;
