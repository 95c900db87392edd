-- One row per person who withdrew from $assistant: all they said up to "until" may not be learnt from; withdrawals for other purposes than $purposes are left out, null: none is.
-- $purposes is null if not given.
-- A withdrawal recorded by itself holds until consent is given again, one that came with an
-- interaction holds for what was said until then.
with recorded as (
    select "user", "at", basis
    from consent_events
    where
        purpose = ''
        or $purposes::varchar[] is null
        or list_contains($purposes::varchar[], purpose)
),
newest as (
    select "user", arg_max(basis, ("at", basis)) as basis, max("at") as "at"
    from recorded
    group by "user"
),
found as (
    select "user", "at" as "until" from recorded where basis = 'withdrawn'
    union all
    select "user", timestamptz '9999-12-31 00:00:00+00' from newest where basis = 'withdrawn'
    union all
    select "user", "at" from interactions where assistant = $assistant and consent = 'withdrawn'
)
select "user", max("until") as "until" from found group by "user" order by "user";
