-- What the training run $run used and cost, or no row.
select * from costs where run = $run;
