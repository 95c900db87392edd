-- Starts, looks and the stop of the A/B test $experiment, oldest first.
select * from experiment_events where experiment = $experiment order by "at", id;
