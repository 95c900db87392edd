-- One row per person of the A/B test $experiment until $until: were they shown $other, nothing else,
-- the sum and number of star ratings (1 to 5) on their answers, and were they among the first half heard.
-- $until is null if not given.
-- Of one rater's ratings on an answer the last counts; the person is the one who was shown the answer.
with latest as (
    select interaction, arg_max("value", ("at", id)) as "value", max("at") as "at"
    from ratings_now
    where kind = 'stars' and ($until::timestamptz is null or "at" <= $until::timestamptz)
    group by interaction, rater
),
said as (
    select exposures."user", latest."value" as "value", latest."at"
    from latest
    join exposures using (interaction)
    where exposures.experiment = $experiment
        and ($until::timestamptz is null or exposures."at" <= $until::timestamptz)
),
half as (
    select quantile_disc("at", 0.5) as middle, count(*) as n from said
),
ties as (  -- of those heard at the very middle, the share that still belongs to the first half
    select
        any_value(middle) as middle,
        (any_value(n) / 2 - count(*) filter (said."at" < middle))
            / count(*) filter (said."at" = middle) as share
    from said, half
),
heard as (
    select "user", sum("value") as total, count(*)::double as n, min("at") as first
    from said
    group by "user"
),
people as (
    select "user", bool_or(arm = $other) as other, bool_and(arm = $other) as only
    from exposures
    where experiment = $experiment
        and ($until::timestamptz is null or "at" <= $until::timestamptz)
    group by "user"
)
select
    people.other,
    people.only,
    coalesce(heard.total, 0.0) as total,
    coalesce(heard.n, 0.0) as n,
    case
        when heard.first < ties.middle then 1.0
        when heard.first = ties.middle then ties.share
        else 0.0
    end::double as early
from people
left join heard using ("user")
cross join ties;
