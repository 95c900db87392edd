-- One row per kind, split, guideline and consent basis of the rows that the adapter $adapter was trained on, or all it was merged from: rows, interactions, ratings, people.
select
    kind,
    split,
    guideline,
    consent,
    count(*) as "rows",
    len(list_distinct(flatten(list(interactions::varchar[])))) as interactions,
    len(list_distinct(flatten(list(ratings::varchar[])))) as ratings,
    len(list_distinct(flatten(list(users::varchar[])))) as people
from dataset_rows
where dataset in (select dataset from adapter_datasets where adapter = $adapter)
group by all
order by kind, split, guideline, consent;
