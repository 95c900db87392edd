-- One row per case and metric of the evaluation $evaluation.
select * from case_scores where evaluation = $evaluation order by metric, "case";
