-- the tokens that answers took, prompt and completion together
-- Lower is better.
select id as interaction, (prompt_tokens + completion_tokens)::double as "value", "at"
from interactions
where $until::timestamptz is null or "at" <= $until::timestamptz
