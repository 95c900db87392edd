-- Exactly one row: how many finished runs for $assistant have no cost on record.
select count(*) as runs
from runs
where dataset in (select id from datasets where assistant = $assistant)
    and id not in (select run from costs);
