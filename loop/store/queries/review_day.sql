-- Exactly one row: items of $assistant that $rater judged since $since, and the median seconds for one, theirs and of everyone.
-- Seconds are of the last 1000 judgements that say how long they took.
with mine as (
    select interaction, rater, id, "at" from judgements_now
    where rater = $rater and "at" >= $since::timestamptz
),
timed as (
    select rater, interaction as item, "at", seconds from ratings_now where seconds is not null
    union all
    select rater, interactions::varchar as item, "at", seconds from comparisons_now where seconds is not null
),
took as (
    select rater, item, max(seconds) as seconds, max("at") as "at"
    from timed
    group by rater, item
    order by "at" desc
    limit 1000
)
select
    (
        select count(distinct mine.interaction)
        from mine
        join interactions on interactions.id = mine.interaction and interactions.assistant = $assistant
    ) as judged,
    (select median(seconds) from took where rater = $rater) as mine,
    (select median(seconds) from took) as everyone;
