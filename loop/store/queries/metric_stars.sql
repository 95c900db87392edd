-- One row per star rating (1 to 5) of an answer of the A/B test $experiment, oldest first.
-- The person is the one who was shown the answer; of one rater's ratings of it the last counts.
with shown as (
    select distinct interaction, "user", arm
    from exposures
    where experiment = $experiment
)
select shown."user", shown.arm, ratings."value", ratings."at"
from shown
join ratings_now as ratings on ratings.interaction = shown.interaction
where ratings.kind = 'stars'
qualify row_number() over (
    partition by shown.interaction, ratings.rater order by ratings."at" desc, ratings.id desc
) = 1
order by ratings."at", ratings.id;
