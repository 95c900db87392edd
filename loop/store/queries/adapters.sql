-- Adapters registered for $assistant (null: for any) that carry the labels $domain, $language and $segment (null: whatever they carry), newest first.
-- $domain is null if not given.
-- $language is null if not given.
-- $segment is null if not given.
select *
from adapters
where
    ($assistant::varchar is null or assistant = $assistant::varchar)
    and ($domain::varchar is null or "domain" = $domain::varchar)
    and ($language::varchar is null or "language" = $language::varchar)
    and ($segment::varchar is null or segment = $segment::varchar)
order by "at" desc, id desc;
