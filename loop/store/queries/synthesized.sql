-- Everything that was made up for $assistant, the refused too, oldest first.
select * from synthetics where assistant = $assistant order by "at", id;
