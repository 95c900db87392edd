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
    select *, raters = 0 as fresh from open where raters + leases < needs
),
recent as (
    select id, "at" from free where fresh order by "at" desc, id desc limit $newest::bigint
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
marked as materialized (
    select
        free.id as item,
        free."at",
        free.needs,
        free.confidence,
        free.abstained,
        free.experiment,
        free.arm,
        free.fresh,
        found.best,
        free.split as disagreement,
        not free.fresh and not free.split as second,
        free.fresh and ((free.abstained and not free.refused) or coalesce(free.confidence < $unsure::double, false)) as uncertain,
        coalesce(found.best < $little::double, false) as search,
        free.refused or flagged.id is not null or coalesce(found.masked, false) as guard,
        free.fresh and running.id is not null as tested
    from free
    left join found on found.id = free.id
    left join flagged on flagged.id = free.id
    left join running on running.id = free.experiment
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
sampled as materialized (
    select again.id as item
    from again
    join turns on turns.id = again.id
    left join rejudged on rejudged.id = again.id
    left join held on held.id = again.id
    where coalesce(rejudged.raters, 0) < 2 and not coalesce(rejudged.mine, false) and not coalesce(held.mine, false)
),
golden as materialized (
    select known.id as item
    from known
    join turns on turns.id = known.id
    left join judged on judged.id = known.id
    left join held on held.id = known.id
    where not coalesce(judged.mine, false) and not coalesce(held.mine, false)
),
reasons as (
    (
        select 'disagreement' as reason, item, needs, null as "text", epoch_us("at")::double as strength
        from marked
        where disagreement
        order by strength, item
        limit $most::bigint
    )
    union all
    (
        select 'second' as reason, item, needs, null as "text", epoch_us("at")::double as strength
        from marked
        where second
        order by strength, item
        limit $most::bigint
    )
    union all
    (
        select 'uncertain' as reason, item, needs, null as "text", if(abstained, 0, 1) + coalesce(confidence, 0) as strength
        from marked
        where uncertain
        order by strength, item
        limit $most::bigint
    )
    union all
    (
        select 'search' as reason, item, needs, null as "text", best as strength
        from marked
        where search
        order by strength, item
        limit $most::bigint
    )
    union all
    (
        select 'guard' as reason, item, needs, null as "text", epoch_us("at")::double as strength
        from marked
        where guard
        order by strength, item
        limit $most::bigint
    )
    union all
    (
        select 'arm' as reason, item, needs, arm || ' of ' || experiment as "text", md5_number_lower(item)::double as strength
        from marked
        where tested
        order by strength, item
        limit $most::bigint
    )
    union all
    (
        select 'audit' as reason, item, needs, null as "text", md5_number_lower($seed::varchar || ' ' || item)::double as strength
        from marked
        where fresh
        order by strength, item
        limit $most::bigint
    )
    union all
    (
        select 'new' as reason, item, needs, null as "text", -epoch_us("at")::double as strength
        from marked
        where fresh
        order by strength, item
        limit $far::bigint
    )
    union all
    (
        select 'waiting' as reason, item, needs, null as "text", -epoch_us("at")::double as strength
        from marked
        where fresh
        order by strength, item
        limit $most::bigint
    )
    union all
    (
        select 'rerating', item, 2, $guideline::varchar, md5_number_lower(item)::double
        from sampled
        order by 5, item
        limit $most::bigint
    )
    union all
    (
        select 'gold', item, null, null, md5_number_lower($rater::varchar || ' ' || item)::double
        from golden
        order by 5, item
        limit $most::bigint
    )
),
totals as (
    select
        count_if(disagreement) as disagreement,
        count_if(second) as second,
        count_if(uncertain) as uncertain,
        count_if(search) as search,
        count_if(guard) as guard,
        count_if(tested) as arm,
        count_if(fresh) as fresh,
        (select count(*) from sampled) as rerating,
        (select count(*) from golden) as gold
    from marked
)
select
    reason,
    row_number() over (partition by reason order by strength, item) as place,
    item,
    needs::integer as needs,
    "text",
    case reason
        when 'disagreement' then totals.disagreement
        when 'second' then totals.second
        when 'uncertain' then totals.uncertain
        when 'search' then totals.search
        when 'guard' then totals.guard
        when 'arm' then totals.arm
        when 'rerating' then totals.rerating
        when 'gold' then totals.gold
        else totals.fresh
    end::bigint as waiting
from reasons
cross join totals
order by reason, place;
