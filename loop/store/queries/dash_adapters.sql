-- The newest adapters of $assistant with run, dataset, newest score of $suite and $metric, newest verdict and when pruned, newest first, at most $limit; $domain, $language and $segment narrow them.
-- $limit is 200 if not given.
-- $domain is null if not given.
-- $language is null if not given.
-- $segment is null if not given.
with newest as (
    select * from adapters
    where
        assistant = $assistant
        and ($domain::varchar is null or "domain" = $domain::varchar)
        and ($language::varchar is null or "language" = $language::varchar)
        and ($segment::varchar is null or segment = $segment::varchar)
    order by "at" desc, id desc
    limit $limit::bigint
),
scored as (
    select adapter, mean, low, high
    from evaluations
    where suite = $suite and metric = $metric
    qualify row_number() over (partition by adapter order by "at" desc, id desc) = 1
),
decided as (
    select candidate, verdict, champion
    from decisions
    where assistant = $assistant
    qualify row_number() over (partition by candidate order by "at" desc, id desc) = 1
)
select
    newest.*,
    runs."method",
    runs.seconds,
    datasets."rows" as dataset_rows,
    scored.mean,
    scored.low,
    scored.high,
    decided.verdict,
    decided.champion as judged_against,
    pruned."at" as pruned_at
from newest
left join runs on runs.id = newest.run
left join datasets on datasets.id = newest.dataset
left join scored on scored.adapter = newest.id
left join decided on decided.candidate = newest.id
left join pruned_adapters pruned on pruned.adapter = newest.id
order by newest."at" desc, newest.id desc;
