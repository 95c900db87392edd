-- Exactly one row: where the loop of $assistant stands; its evaluation is the newest of $suite and $metric.
with turns as (
    select id, "at" from interactions where assistant = $assistant
),
asked as (
    select id, unnest(interactions::varchar[]) as interaction from comparisons_now
),
judged as (
    select interaction from ratings_now
    union
    select interaction from asked
),
said as (
    select ratings."at", ratings.simulated from ratings_now as ratings semi join turns on ratings.interaction = turns.id
),
waiting as (
    select tickets.status
    from tickets
    semi join turns on tickets.interaction = turns.id
    qualify row_number() over (
        partition by tickets.interaction order by tickets."at" desc, tickets.id desc
    ) = 1
),
newest_dataset as (
    select id, "rows", "at" from datasets
    where assistant = $assistant
    order by "at" desc, id desc
    limit 1
),
newest_adapter as (
    select adapters.id, adapters."at", runs."method"
    from adapters
    left join runs on runs.id = adapters.run
    where adapters.assistant = $assistant
    order by adapters."at" desc, adapters.id desc
    limit 1
),
newest_evaluation as (
    select adapter, mean, low, high, n
    from evaluations
    where
        suite = $suite and metric = $metric
        and (
            adapter = 'base'
            or adapter in (select id from adapters where assistant = $assistant)
        )
    order by "at" desc, adapter = 'base', id desc
    limit 1
),
newest_decision as (
    select candidate, verdict, champion, "at" from decisions
    where assistant = $assistant
    order by "at" desc, id desc
    limit 1
),
newest_promotion as (
    select adapter from promotions
    where assistant = $assistant
    order by "at" desc, id desc
    limit 1
)
select
    (select count(*) from turns) as interactions,
    (select count(*) from turns anti join judged on judged.interaction = turns.id) as unrated,
    (select count(*) from said) as ratings,
    (select count(*) from said where simulated) as simulated_ratings,
    (select count(*) from said where said."at" > newest_dataset."at") as ratings_since,
    (select count(distinct id) from asked semi join turns on asked.interaction = turns.id) as comparisons,
    (select count(*) from waiting where status = 'open') as tickets,
    newest_dataset.id as dataset,
    newest_dataset."rows" as dataset_rows,
    newest_adapter.id as adapter,
    newest_adapter."method" as "method",
    newest_evaluation.adapter as evaluated,
    newest_evaluation.mean,
    newest_evaluation.low,
    newest_evaluation.high,
    newest_evaluation.n,
    newest_decision.candidate as decided,
    newest_decision.verdict,
    newest_decision.champion as decided_against,
    coalesce(newest_promotion.adapter, 'base') as champion,
    (
        select experiments.id
        from experiments
        where
            assistant = $assistant
            and id in (select experiment from experiment_events where kind = 'start')
            and id not in (select experiment from experiment_events where kind = 'stop')
        order by "at" desc
        limit 1
    ) as running
from (select 1 as one) as always
left join newest_dataset on true
left join newest_adapter on true
left join newest_evaluation on true
left join newest_decision on true
left join newest_promotion on true;
