-- whether anybody flagged an answer as unsafe or as a breach of privacy (1), or nobody did (0)
-- Lower is better.
select
    id as interaction,
    (id in (
        select interaction
        from ratings_now
        where
            kind = 'flag'
            and "text" in ('safety', 'privacy')
            and ($until::timestamptz is null or "at" <= $until::timestamptz)
    ))::double as "value",
    "at"
from interactions
