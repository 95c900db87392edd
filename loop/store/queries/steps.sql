-- Finished steps of the nightly run $night, oldest first.
select * from steps where night = $night order by "at", id;
