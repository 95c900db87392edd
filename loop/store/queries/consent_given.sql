-- How many interactions of the person $user rest on each basis, purpose and licence, with the last day they may be kept.
select consent, purpose, licence, count(*) as interactions, min(retain_until) as first_expires
from interactions
where "user" = $user
group by consent, purpose, licence
order by consent, purpose, licence;
