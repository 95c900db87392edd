-- Accepted questions and answers that were made up for $assistant, in order of their ids.
select * from synthetics where assistant = $assistant and accepted order by id;
