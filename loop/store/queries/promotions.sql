-- Changes of champion of $assistant, newest first.
select * from promotions where assistant = $assistant order by "at" desc, id desc;
