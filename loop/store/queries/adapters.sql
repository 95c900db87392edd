-- Adapters registered for $assistant, newest first.
select * from adapters where assistant = $assistant order by "at" desc, id desc;
