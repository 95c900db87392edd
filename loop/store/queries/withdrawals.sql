-- When each person last withdrew consent from $assistant, for those who did.
select "user", max("at") as "at"
from interactions
where assistant = $assistant and consent = 'withdrawn'
group by "user"
order by "user";
