-- Id and question of the interactions whose ids are in the list $ids; unknown ids are left out.
select id, question
from interactions
where id in (select unnest($ids::varchar[]))
order by id;
