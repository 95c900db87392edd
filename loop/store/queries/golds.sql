-- Items of $assistant whose right judgement is known, oldest first; of each item and kind the latest row.
select *
from golds
where assistant = $assistant
qualify row_number() over (partition by item, kind order by "at" desc, id desc) = 1
order by "at", id;
