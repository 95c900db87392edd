-- Where each row of the dataset $dataset came from.
select * from dataset_rows where dataset = $dataset order by kind, "row";
