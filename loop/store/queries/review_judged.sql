-- The questions of the $last newest answers of $assistant that somebody has judged.
-- $last is 4000 if not given.
with judged as (
    select distinct interaction as id from judgements_now
)
select interactions.question
from interactions
semi join judged on judged.id = interactions.id
where interactions.assistant = $assistant
order by interactions."at" desc, interactions.id desc
limit $last::bigint;
