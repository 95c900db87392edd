-- The interactions whose ids are in the list $ids, oldest first; unknown ids are left out.
select *
from interactions
where id in (select unnest($ids::varchar[]))
order by "at", id;
