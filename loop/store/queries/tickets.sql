-- Conversations of $assistant handed over to a person that are $status now, oldest first.
-- A later ticket on the same interaction replaces the earlier one.
-- $status is "open" if not given.
with latest as (
    select tickets.*
    from tickets
    join interactions on interactions.id = tickets.interaction
    where interactions.assistant = $assistant
    qualify row_number() over (
        partition by tickets.interaction order by tickets."at" desc, tickets.id desc
    ) = 1
)
select * from latest where status = $status order by "at", id;
