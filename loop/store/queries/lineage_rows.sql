-- Where each row that the adapter $adapter was trained on came from.
select *
from dataset_rows
where dataset = (select dataset from adapters where id = $adapter)
order by kind, "row";
