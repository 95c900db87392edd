-- All ratings of interactions of $assistant, oldest first.
select *
from ratings_now
where interaction in (select id from interactions where assistant = $assistant)
order by "at", id;
