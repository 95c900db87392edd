-- The registered adapter $id, or no row.
select * from adapters where id = $id;
