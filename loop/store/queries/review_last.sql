-- What $rater did last on items of $assistant and may take back: a judgement or a skip; at most one row.
-- Columns: event (its id, if the queue recorded one), item, kind (done or skip), at, judgements.
with taken_back as (
    select about from review_events where assistant = $assistant and rater = $rater and kind = 'undo'
),
mine as (
    select id, item, kind, "at", judgements
    from review_events
    where
        assistant = $assistant and rater = $rater and kind in ('done', 'skip')
        and id not in (select about from taken_back where about is not null)
),
covered as (
    select unnest(judgements::varchar[]) as id from mine
),
bare as (
    select judged.id, string_agg(judged.interaction, ' ' order by judged.interaction) as item, any_value(judged."at") as "at"
    from judgements_now as judged
    join interactions on interactions.id = judged.interaction and interactions.assistant = $assistant
    where judged.rater = $rater and judged.id not in (select id from covered)
    group by judged.id
),
acts as (
    select id as event, item, kind, "at", judgements::varchar[] as judgements from mine
    union all
    select null as event, item, 'done' as kind, max("at") as "at", list(id order by id) as judgements
    from bare
    group by item, date_trunc('second', "at")
)
select event, item, kind, "at", to_json(judgements) as judgements
from acts
order by "at" desc, event desc nulls last
limit 1;
