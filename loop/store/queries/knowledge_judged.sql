-- The newest $last answers of $assistant that somebody rated, with what they cite and what they were shown, newest first.
-- $last is 5000 if not given.
with newest as (
    select id
    from interactions
    where assistant = $assistant and id in (select interaction from ratings_now)
    order by "at" desc, id desc
    limit $last::bigint
)
select
    interactions.id,
    interactions."at",
    interactions."user",
    interactions.question,
    interactions.simulated,
    interactions.citations,
    interactions.passages
from interactions
semi join newest on newest.id = interactions.id
order by interactions."at" desc, interactions.id desc;
