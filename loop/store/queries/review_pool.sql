-- Answers of $assistant that $rater may be given at $at, by reason, the strongest first, at most $most of each.
-- Columns: reason, place (from 1), item, needs (people who are to judge it), text (arm), waiting (of that reason in all).
-- Of the reason new it gives the newest $far: how unlike they are to what was judged is for the caller to find out.
-- With $rater "" nobody in particular asks. An answer can stand under several reasons.
-- $most is 200 if not given.
-- $newest is 20000 if not given.
-- $far is 3000 if not given.
-- $unsure is 0.5 if not given.
-- $little is 0.45 if not given.
with turns as (
    select id, "at", "user", confidence, abstained, experiment, arm, answer = $refusal as refused
    from interactions
    where assistant = $assistant
),
judged as materialized (
    select turns.id, count_if(told.rater <> turns."user") as raters, bool_or(told.rater = $rater) as mine
    from (select distinct interaction, rater from judgements_now) as told
    join turns on turns.id = told.interaction
    group by turns.id
),
sides as (
    select interaction as id, rater, arg_max(sign("value" - if(kind = 'stars', 3, 0)), "at") as side
    from ratings_now
    where kind in ('thumb', 'stars')
    group by interaction, rater
),
split as (
    select id
    from sides
    group by id
    having 2 * greatest(count_if(side > 0), count_if(side < 0), count_if(side = 0)) <= count(*) and count(*) > 1
),
standing as (
    select item as id, rater, kind, reason, "until"
    from review_events
    where assistant = $assistant
    qualify row_number() over (partition by item, rater order by "at" desc, id desc) = 1
),
held as (
    select
        id,
        count_if(kind = 'lease' and "until" > $at::timestamptz and rater <> $rater) as leases,
        count_if(kind = 'skip' and reason <> 'seen') as skips,
        bool_or(kind = 'skip' and rater = $rater) as mine
    from standing
    group by id
),
known as (
    select distinct item as id from golds where assistant = $assistant and kind in ('thumb', 'stars')
),
open as (
    select
        turns.*,
        coalesce(judged.raters, 0) as raters,
        split.id is not null as split,
        case
            when split.id is not null then least(judged.raters + 1, 5)
            when judged.raters is null then 1
            when md5_number_lower('overlap ' || turns.id) % 1000000 < $overlap::double * 1000000 then 2
            else 1
        end as needs,
        coalesce(held.leases, 0) as leases
    from turns
    left join judged on judged.id = turns.id
    left join split on split.id = turns.id
    left join held on held.id = turns.id
    where
        not coalesce(judged.mine, false) and not coalesce(held.mine, false)
        and coalesce(held.skips, 0) < 3
        and turns.id not in (select id from known)
),
free as materialized (
    select * from open where raters + leases < needs
),
fresh as materialized (
    select * from free where raters = 0
),
recent as (
    select id, "at" from fresh order by "at" desc, id desc limit $newest::bigint
),
found as materialized (
    select
        interactions.id,
        list_max(try_cast(json_extract(interactions.passages, '$[*].similarity') as double[])) as best,
        regexp_matches(interactions.answer, '\[[A-Z]{2,}_[A-Z_]+\]') as masked
    from interactions
    semi join recent on recent.id = interactions.id
    where interactions."at" >= (select min("at") from recent)
),
flagged as (
    select distinct interaction as id from ratings_now where kind = 'flag'
),
running as (
    select id from experiments_now where status = 'running' and assistant = $assistant
),
again as (
    select unnest($rerate::varchar[]) as id
),
rejudged as (
    select
        interaction as id,
        count(distinct rater) filter (guideline = $guideline) as raters,
        bool_or(guideline = $guideline and rater = $rater) as mine
    from judgements_now
    where interaction in (select id from again)
    group by interaction
),
golden as (
    select known.id, coalesce(judged.mine, false) or coalesce(held.mine, false) as mine
    from known
    join turns on turns.id = known.id
    left join judged on judged.id = known.id
    left join held on held.id = known.id
),
sampled as (
    select again.id
    from again
    join turns on turns.id = again.id
    left join rejudged on rejudged.id = again.id
    where coalesce(rejudged.raters, 0) < 2 and not coalesce(rejudged.mine, false)
),
reasons as (
    (
        select 'disagreement' as reason, id as item, needs, null as "text", epoch_us("at")::double as strength, (select count(*) from free where split) as waiting
        from free where split
        order by strength, id
        limit $most::bigint
    )
    union all
    (
        select 'second' as reason, id as item, needs, null as "text", epoch_us("at")::double as strength, (select count(*) from free where raters > 0 and not split) as waiting
        from free where raters > 0 and not split
        order by strength, id
        limit $most::bigint
    )
    union all
    (
        select 'uncertain' as reason, id as item, needs, null as "text", if(abstained, 0, 1) + coalesce(confidence, 0) as strength, (select count(*) from fresh where (abstained and not refused) or confidence < $unsure::double) as waiting
        from fresh where (abstained and not refused) or confidence < $unsure::double
        order by strength, id
        limit $most::bigint
    )
    union all
    (
        select 'search' as reason, id as item, needs, null as "text", best as strength, (select count(*) from fresh join found using (id) where best < $little::double) as waiting
        from fresh join found using (id) where best < $little::double
        order by strength, id
        limit $most::bigint
    )
    union all
    (
        select 'guard' as reason, id as item, needs, null as "text", epoch_us("at")::double as strength, (select count(*) from free
        where refused or id in (select id from flagged) or id in (select id from found where masked)) as waiting
        from free
        where refused or id in (select id from flagged) or id in (select id from found where masked)
        order by strength, id
        limit $most::bigint
    )
    union all
    (
        select 'arm' as reason, id as item, needs, arm || ' of ' || experiment as "text", md5_number_lower(id)::double as strength, (select count(*) from fresh where experiment in (select id from running)) as waiting
        from fresh where experiment in (select id from running)
        order by strength, id
        limit $most::bigint
    )
    union all
    (
        select 'audit' as reason, id as item, needs, null as "text", md5_number_lower($seed::varchar || ' ' || id)::double as strength, (select count(*) from fresh) as waiting
        from fresh
        order by strength, id
        limit $most::bigint
    )
    union all
    (
        select 'new' as reason, id as item, needs, null as "text", -epoch_us("at")::double as strength, (select count(*) from fresh) as waiting
        from fresh
        order by strength, id
        limit $far::bigint
    )
    union all
    (
        select 'waiting' as reason, id as item, needs, null as "text", -epoch_us("at")::double as strength, (select count(*) from fresh) as waiting
        from fresh
        order by strength, id
        limit $most::bigint
    )
    union all
    (
        select 'rerating' as reason, id as item, 2 as needs, $guideline::varchar as "text", md5_number_lower(id)::double as strength, (select count(*) from sampled) as waiting
        from sampled
        order by strength, id
        limit $most::bigint
    )
    union all
    (
        select 'gold' as reason, id as item, null::integer as needs, null as "text", md5_number_lower($rater::varchar || ' ' || id)::double as strength, (select count(*) from golden where not mine) as waiting
        from golden where not mine
        order by strength, id
        limit $most::bigint
    )
)
select reason, row_number() over (partition by reason order by strength, item) as place, item, needs, "text", waiting
from reasons
order by reason, place;
