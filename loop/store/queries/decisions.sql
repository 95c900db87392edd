-- The gate's verdicts on $candidate, newest first.
select * from decisions where candidate = $candidate order by "at" desc, id desc;
