-- What $rater may see of what was said of the interaction $interaction, oldest first: their own, and others' once they have judged.
-- Another's rating shows to whoever judged the answer after it, or under the same guideline.
with mine as (
    select guideline, "at" from judgements_now where interaction = $interaction and rater = $rater
)
select *
from ratings_now
where
    interaction = $interaction
    and (
        rater = $rater
        or guideline in (select guideline from mine)
        or "at" <= (select max("at") from mine)
    )
order by "at", id;
