-- Interactions of $assistant that $rater has not judged yet, least judged first, then newest.
-- A rating and a part in a comparison each count as one judgement.
-- $limit is 50 if not given.
with judgements as (
    select interaction, rater from ratings
    union all
    select unnest(interactions::varchar[]) as interaction, rater from comparisons
),
judged as (
    select interaction, count(*) as times, bool_or(rater = $rater) as mine
    from judgements
    group by interaction
)
select interactions.*
from interactions
left join judged on judged.interaction = interactions.id
where interactions.assistant = $assistant and not coalesce(judged.mine, false)
order by coalesce(judged.times, 0), interactions."at" desc, interactions.id desc
limit $limit::bigint;
