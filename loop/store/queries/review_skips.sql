-- One row per item of $assistant that somebody skipped and did not judge since: item, people, their reasons, latest first.
with standing as (
    select *
    from review_events
    where assistant = $assistant
    qualify row_number() over (partition by item, rater order by "at" desc, id desc) = 1
)
select
    item,
    count(*) as people,
    to_json(list(reason order by "at", id)) as reasons,
    to_json(list("text" order by "at", id) filter ("text" is not null)) as texts,
    max("at") as last
from standing
where kind = 'skip' and reason <> 'seen'
group by item
order by people desc, last desc, item;
