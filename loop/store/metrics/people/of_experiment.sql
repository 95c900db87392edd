-- One row per person of the A/B test $experiment: their arms, and {about}.
-- Were they shown $other, and nothing else; sum and number until $until, and how many came early.
-- $until is null if not given.
-- The person is the one who was shown the answer.
-- Early is up to the middle of the time in which people were shown an arm.
with latest as (
{values}
)
select
    bool_or(shown.arm = $other) as other,
    bool_and(shown.arm = $other) as only,
    coalesce(sum(latest."value"), 0.0)::double as total,
    count(latest."value")::double as n,
    count(latest."value") filter (
        latest."at" <= (
            select min("at") + (max("at") - min("at")) / 2
            from exposures
            where experiment = $experiment
                and ($until::timestamptz is null or "at" <= $until::timestamptz)
        )
    )::double as early
from exposures as shown
left join latest using (interaction)
where shown.experiment = $experiment
    and ($until::timestamptz is null or shown."at" <= $until::timestamptz)
group by shown."user";
