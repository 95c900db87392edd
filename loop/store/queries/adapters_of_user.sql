-- Adapters trained on a row of the person $user, oldest first; those built on them are included.
with recursive touched as (
    select id
    from adapters
    where dataset in (
        select dataset from dataset_rows where list_contains(users::varchar[], $user)
    )
    union
    select adapters.id
    from adapters
    join touched on adapters.parent = touched.id
)
select * from adapters where id in (select id from touched) order by "at", id;
