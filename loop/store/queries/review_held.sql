-- Leases of $rater on items of $assistant that run at $at and that no judgement has ended, newest first.
with standing as (
    select *
    from review_events
    where assistant = $assistant and rater = $rater
    qualify row_number() over (partition by item order by "at" desc, id desc) = 1
),
held as (
    select * from standing where kind = 'lease' and "until" > $at::timestamptz
),
parts as (
    select id, "at", item, unnest(string_split(item, ' ')) as interaction from held
),
ended as (
    select parts.id
    from parts
    join judgements_now as judged
        on judged.interaction = parts.interaction
        and judged.rater = $rater
        and judged."at" >= parts."at"
    group by parts.id, parts.item, judged.id
    having count(*) = len(string_split(parts.item, ' '))
)
select * from held where id not in (select id from ended) order by "at" desc, id desc;
