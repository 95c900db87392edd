-- Some rows of the dataset $dataset with where they came from, at most $limit.
-- $limit is 20 if not given.
select * from dataset_rows where dataset = $dataset order by kind, "row" limit $limit::bigint;
