-- The guideline $id ("name@version"), or no row.
select * from guidelines where id = $id;
