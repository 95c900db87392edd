-- the thumbs (1 up, 0 down) on answers; of one rater's on an answer the last counts
-- Higher is better.
select interaction, (arg_max("value", ("at", id)) > 0)::double as "value", max("at") as "at"
from ratings_now
where kind = 'thumb' and ($until::timestamptz is null or "at" <= $until::timestamptz)
group by interaction, rater
