-- the star ratings (1 to 5) on answers; of one rater's on an answer the last counts
-- Higher is better.
select interaction, arg_max("value", ("at", id)) as "value", max("at") as "at"
from ratings_now
where kind = 'stars' and ($until::timestamptz is null or "at" <= $until::timestamptz)
group by interaction, rater
