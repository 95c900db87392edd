-- The A/B test $id with its status: declared, running or stopped; or no row.
select * from experiments_now where id = $id;
