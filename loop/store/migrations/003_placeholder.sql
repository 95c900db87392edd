-- Holds the number of a migration that is made elsewhere; drop it at the merge.
select 1;
