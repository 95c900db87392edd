-- the milliseconds that answers took
-- Lower is better.
select id as interaction, latency_ms as "value", "at"
from interactions
where $until::timestamptz is null or "at" <= $until::timestamptz
