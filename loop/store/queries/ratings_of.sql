-- All ratings of interactions of $assistant, oldest first.
select *
from ratings
where interaction in (select id from interactions where assistant = $assistant)
order by "at", id;
