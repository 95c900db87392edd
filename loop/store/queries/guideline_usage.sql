-- One row per guideline that was published or judged by: ratings, comparisons, raters, first and last time.
with used as (
    select guideline, rater, "at", 1 as rating, 0 as comparison from ratings_now
    union all
    select guideline, rater, "at", 0 as rating, 1 as comparison from comparisons_now
    union all
    select id as guideline, null as rater, null as "at", 0 as rating, 0 as comparison from guidelines
)
select
    guideline,
    sum(rating)::bigint as ratings,
    sum(comparison)::bigint as comparisons,
    count(distinct rater) as raters,
    min("at") as first_used,
    max("at") as last_used
from used
group by guideline
order by guideline;
