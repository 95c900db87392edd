-- Every adapter of every assistant whose files were not pruned, newest first.
select *
from adapters
where id not in (select adapter from pruned_adapters)
order by "at" desc, id desc;
