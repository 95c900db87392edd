-- Tombstones of the dataset $dataset, oldest first: its files were erased for a forgotten person; null: of all datasets.
-- $dataset is null if not given.
select *
from dataset_tombstones
where $dataset::varchar is null or dataset = $dataset::varchar
order by "at", id;
