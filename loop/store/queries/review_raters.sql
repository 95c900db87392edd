-- One row per rater of $assistant: items given in the last $days days before $at and how many of them they skipped, busiest first.
-- $days is 30 if not given.
select
    rater,
    count(*) filter (kind = 'lease') as given,
    count(*) filter (kind = 'skip' and reason <> 'seen') as skipped
from review_events
where assistant = $assistant and "at" >= $at::timestamptz - to_days($days::integer)
group by rater
order by given desc, rater;
