-- Ratings of the interactions whose ids are in the list $ids, oldest first.
select *
from ratings_now
where interaction in (select unnest($ids::varchar[]))
order by "at", id;
