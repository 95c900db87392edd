-- Training runs on the dataset $dataset, newest first.
select * from runs where dataset = $dataset order by "at" desc, id desc;
