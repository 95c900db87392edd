-- A/B tests of $assistant with their status (declared, running or stopped), newest first.
select * from experiments_now where assistant = $assistant order by "at" desc, id desc;
