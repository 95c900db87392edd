-- Conversations of $assistant that wait for a person, with what was asked, oldest first, at most $limit.
-- $limit is 20 if not given.
with latest as (
    select tickets.*, interactions.question
    from tickets
    join interactions
        on interactions.id = tickets.interaction and interactions.assistant = $assistant
    qualify row_number() over (
        partition by tickets.interaction order by tickets."at" desc, tickets.id desc
    ) = 1
)
select "at", interaction, reason, question
from latest
where status = 'open'
order by "at", id
limit $limit::bigint;
