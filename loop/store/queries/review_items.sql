-- How raters stand on $items of $assistant at $at: a row per item, rater and what: judged (with the guideline), leased, skipped, barred.
-- Barred is who took a judgement back and may have seen what others say.
-- What the person who asked said of the answer is no review of it.
with wanted as (
    select unnest($items::varchar[]) as item
),
parts as (
    select item, string_split(item, ' ') as ids from wanted
),
rated as (
    select parts.item, judged.rater, judged.guideline
    from parts
    join judgements_now as judged on judged.interaction = parts.ids[1]
    join interactions on interactions.id = judged.interaction
    where len(parts.ids) = 1 and judged.rater <> interactions."user"
),
compared as (
    select parts.item, one.rater, one.guideline
    from parts
    join judgements_now as one on one.interaction = parts.ids[1]
    join judgements_now as other on other.interaction = parts.ids[2] and other.id = one.id
    where len(parts.ids) = 2
),
standing as (
    select *
    from review_events
    where assistant = $assistant and item in (select item from wanted)
    qualify row_number() over (partition by item, rater order by "at" desc, id desc) = 1
)
select distinct item, rater, 'judged' as what, guideline from rated
union
select distinct item, rater, 'judged' as what, guideline from compared
union all
select item, rater, 'leased' as what, '' as guideline
from standing
where kind = 'lease' and "until" > $at::timestamptz
union all
select item, rater, if(reason = 'seen', 'barred', 'skipped') as what, '' as guideline
from standing
where kind = 'skip'
order by item, rater, what, guideline;
