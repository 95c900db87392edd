-- What $rater did last on items of $assistant and may take back: a judgement or a skip; at most one row.
-- Columns: event (its id, if the queue recorded one), item, kind (done or skip), at, judgements.
-- Judgements that came by other ways belong together when they were given under one lease.
with events as (
    select * from review_events where assistant = $assistant and rater = $rater
),
mine as (
    select id, item, kind, "at", judgements::varchar[] as judgements
    from events
    where
        kind in ('done', 'skip') and reason <> 'seen'
        and id not in (select about from events where kind = 'undo' and about is not null)
),
covered as (
    select unnest(judgements) as id from mine
),
bare as (
    select judged.id, string_agg(judged.interaction, ' ' order by judged.interaction) as item, any_value(judged."at") as "at"
    from judgements_now as judged
    join interactions on interactions.id = judged.interaction and interactions.assistant = $assistant
    where judged.rater = $rater and judged.id not in (select id from covered)
    group by judged.id
),
leased as (
    select bare.*, coalesce(lease.id, bare.id) as given
    from bare
    asof left join (select * from events where kind = 'lease') as lease
        on lease.item = bare.item and bare."at" >= lease."at"
),
acts as (
    select id as event, item, kind, "at", judgements from mine
    union all
    select null as event, item, 'done' as kind, max("at") as "at", list(id order by id) as judgements
    from leased
    group by item, given
)
select event, item, kind, "at", to_json(judgements) as judgements
from acts
order by "at" desc, event desc nulls last
limit 1;
