-- whether the assistant gave no answer (1), or gave one (0)
-- Lower is better.
select id as interaction, abstained::double as "value", "at"
from interactions
where $until::timestamptz is null or "at" <= $until::timestamptz
