-- What $rater did in the review queue of $assistant, newest first, at most $limit; with $rater "" everyone.
-- $limit is 1000 if not given.
select *
from review_events
where assistant = $assistant and ($rater = '' or rater = $rater)
order by "at" desc, id desc
limit $limit::bigint;
