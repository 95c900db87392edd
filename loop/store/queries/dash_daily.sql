-- One row per day up to the newest rating of $assistant's answers, oldest first, at most $days: ratings that day.
-- $days is 30 if not given.
with counted as (
    select ratings."at"::date as "day", count(*) as ratings
    from ratings_now as ratings
    semi join interactions
        on interactions.id = ratings.interaction and interactions.assistant = $assistant
    group by all
),
calendar as (
    select unnest(generate_series(greatest(min("day"), max("day") - ($days::integer - 1)), max("day"), interval 1 day))::date
        as "day"
    from counted
)
select calendar."day", coalesce(counted.ratings, 0) as ratings
from calendar
left join counted on counted."day" = calendar."day"
order by calendar."day";
