-- The newest ratings of $assistant's answers with what was asked, newest first, at most $limit.
-- $limit is 20 if not given.
with newest as (
    select ratings.*
    from ratings
    semi join interactions
        on interactions.id = ratings.interaction and interactions.assistant = $assistant
    order by ratings."at" desc, ratings.id desc
    limit $limit::bigint
)
select newest.*, interactions.question
from newest
join interactions on interactions.id = newest.interaction
order by newest."at" desc, newest.id desc;
