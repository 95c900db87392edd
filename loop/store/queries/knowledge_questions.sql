-- The newest $last questions to $assistant with how each went: best cosine, abstained, answered with $refusal, handed over; newest first.
-- $last is 10000 if not given.
with newest as (
    select id
    from interactions
    where assistant = $assistant
    order by "at" desc, id desc
    limit $last::bigint
)
select
    interactions.id,
    interactions."at",
    interactions."user",
    interactions.question,
    interactions.abstained,
    interactions.answer = $refusal as refused,
    interactions.simulated,
    list_max(try_cast(json_extract(interactions.passages, '$[*].similarity') as double[])) as best,
    interactions.id in (select interaction from tickets) as handed_over
from interactions
semi join newest on newest.id = interactions.id
order by interactions."at" desc, interactions.id desc;
