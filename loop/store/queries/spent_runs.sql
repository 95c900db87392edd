-- The newest training runs for $assistant, or only $run, each with its cost, adapter and the newest verdict on it, newest first, at most $limit.
-- $run is null if not given.
-- $limit is 200 if not given.
with newest as (
    select runs.id, runs."at"
    from runs
    where ($run::varchar is null or runs.id = $run::varchar)
        and runs.dataset in (select id from datasets where assistant = $assistant)
    order by runs."at" desc, runs.id desc
    limit $limit::bigint
),
made as (
    select run, id as adapter
    from adapters
    where assistant = $assistant and run in (select id from newest)
    qualify row_number() over (partition by run order by "at" desc, id desc) = 1
),
judged as (
    select id, candidate, champion, verdict
    from decisions
    where assistant = $assistant and candidate in (select adapter from made)
    qualify row_number() over (partition by candidate order by "at" desc, id desc) = 1
)
select
    runs.*,
    costs.run is not null as metered,
    costs.device,
    costs.device_seconds,
    costs.tokens,
    costs.peak_bytes,
    costs.kwh,
    costs.energy_source,
    costs.grams_co2e,
    costs.amount,
    costs.currency,
    costs.rate,
    made.adapter,
    judged.champion,
    judged.verdict,
    decisions.rules
from newest
join runs on runs.id = newest.id
left join costs on costs.run = newest.id
left join made on made.run = newest.id
left join judged on judged.candidate = made.adapter
left join decisions on decisions.id = judged.id
order by newest."at" desc, newest.id desc;
