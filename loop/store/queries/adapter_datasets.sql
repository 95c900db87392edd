-- Dataset versions that the adapter $adapter, or any it was merged from, was trained on, oldest first; `erased_at` is when their files were erased for a forgotten person.
select
    datasets.*,
    (select max(stones."at") from dataset_tombstones stones where stones.dataset = datasets.id) as erased_at
from datasets
where id in (select dataset from adapter_datasets where adapter = $adapter)
order by "at", id;
