-- One row per document version that the newest $last answers of $assistant were shown: shown, cited, last time; most cited first, at most $limit.
-- $last is 10000 if not given.
-- $limit is 100000 if not given.
with newest as (
    select id
    from interactions
    where assistant = $assistant
    order by "at" desc, id desc
    limit $last::bigint
),
found as (
    select
        interactions.id,
        interactions."at",
        false as cited,
        unnest(json_extract(interactions.passages, '$[*]')::json[]) as passage
    from interactions
    semi join newest on newest.id = interactions.id
    union all
    select
        interactions.id,
        interactions."at",
        true as cited,
        unnest(json_extract(interactions.citations, '$[*]')::json[]) as passage
    from interactions
    semi join newest on newest.id = interactions.id
)
select
    passage ->> 'document' as document,
    passage ->> 'version' as "version",
    count(distinct id) as shown,
    count(distinct id) filter (where cited) as cited,
    max("at") as last_used
from found
where passage ->> 'document' is not null
group by all
order by cited desc, shown desc, document, "version"
limit $limit::bigint;
