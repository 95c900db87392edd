-- Where each row that the adapter $adapter was trained on came from; of a merged one, each row of all it was merged from.
select *
from dataset_rows
where dataset in (select dataset from adapter_datasets where adapter = $adapter)
order by dataset, kind, "row";
