-- Everybody who was forgotten, as keyed hashes, oldest first.
select * from forgotten_persons order by "at", id;
