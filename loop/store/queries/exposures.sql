-- Who was shown which arm of the A/B test $experiment, oldest first.
select * from exposures where experiment = $experiment order by "at", id;
