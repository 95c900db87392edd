-- One row per domain, language and segment that adapters of $assistant carry, with how many do.
select "domain", "language", segment, count(*) as adapters
from adapters
where assistant = $assistant
group by all
order by "domain", "language", segment;
