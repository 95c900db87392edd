-- Every metric of every evaluation of $adapter ("base" too), newest first.
select * from evaluations where adapter = $adapter order by "at" desc, id, metric;
