-- Nightly steps $name that were finished for $inputs, newest first.
select * from steps where "name" = $name and inputs = $inputs order by "at" desc, id desc;
