-- The newest change of champion of $assistant; no row while the base is champion.
select * from promotions where assistant = $assistant order by "at" desc, id desc limit 1;
