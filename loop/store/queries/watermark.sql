-- Exactly one row: how much was said to and of $assistant, the newest of each, and what may no longer be learnt from.
with turns as (
    select id, "at" from interactions where assistant = $assistant
),
judged as (
    select id, "at" from ratings_now where interaction in (select id from turns)
),
asked as (
    select id, "at", unnest(interactions::varchar[]) as interaction from comparisons_now
),
compared as (
    select distinct id, "at" from asked where interaction in (select id from turns)
)
select
    (select count(*) from turns) as interactions,
    (select last(id order by "at", id) from turns) as newest_interaction,
    (select count(*) from judged) as ratings,
    (select last(id order by "at", id) from judged) as newest_rating,
    (select count(*) from compared) as comparisons,
    (select last(id order by "at", id) from compared) as newest_comparison,
    (select count(*) from consent_events) as consent_events,
    (select count(*) from forgotten_persons) as forgotten_persons,
    (
        select count(*)
        from interactions
        where assistant = $assistant and retain_until < now()
    ) as past_retention;
