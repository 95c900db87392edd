-- One row per thumb (1 up, 0 down) on an answer of the A/B test $experiment, oldest first.
-- The person is the one who was shown the answer; of one rater's thumbs on it the last counts.
with shown as (
    select distinct interaction, "user", arm
    from exposures
    where experiment = $experiment
)
select shown."user", shown.arm, (ratings."value" > 0)::double as "value", ratings."at"
from shown
join ratings_now as ratings on ratings.interaction = shown.interaction
where ratings.kind = 'thumb'
qualify row_number() over (
    partition by shown.interaction, ratings.rater order by ratings."at" desc, ratings.id desc
) = 1
order by ratings."at", ratings.id;
