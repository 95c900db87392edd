-- The interaction $id, or no row.
select * from interactions where id = $id;
