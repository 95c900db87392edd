-- Dataset versions of $assistant, newest first.
select * from datasets where assistant = $assistant order by "at" desc, id desc;
