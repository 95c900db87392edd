-- All comparisons of interactions of $assistant, oldest first.
with compared as (
    select id, unnest(interactions::varchar[]) as interaction
    from comparisons_now
)
select *
from comparisons_now
where id in (
    select compared.id
    from compared
    join interactions on interactions.id = compared.interaction
    where interactions.assistant = $assistant
)
order by "at", id;
