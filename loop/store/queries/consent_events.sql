-- What the person $user gave consent to and took back, oldest first.
select * from consent_events where "user" = $user order by "at", id;
