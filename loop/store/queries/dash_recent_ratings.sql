-- The newest ratings of $assistant's answers with what was asked, newest first, at most $limit.
-- What $rater may not see yet (see ratings_seen_by) comes with hidden true and without value, text and rubric.
-- $limit is 20 if not given.
with newest as (
    select ratings.*
    from ratings_now as ratings
    semi join interactions
        on interactions.id = ratings.interaction and interactions.assistant = $assistant
    order by ratings."at" desc, ratings.id desc
    limit $limit::bigint
),
mine as (
    select interaction, max("at") as "at", list(distinct guideline) as guidelines
    from judgements_now
    where rater = $rater and interaction in (select interaction from newest)
    group by interaction
),
seen as (
    select
        newest.*,
        not (
            newest.rater = $rater
            or coalesce(list_contains(mine.guidelines, newest.guideline) or newest."at" <= mine."at", false)
        ) as hidden
    from newest
    left join mine on mine.interaction = newest.interaction
)
select
    seen.* replace (
        if(hidden, null, seen."value") as "value",
        if(hidden, null, seen."text") as "text",
        if(hidden, '{}'::json, seen.rubric) as rubric
    ),
    interactions.question
from seen
join interactions on interactions.id = seen.interaction
order by seen."at" desc, seen.id desc;
