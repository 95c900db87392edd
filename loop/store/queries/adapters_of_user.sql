-- Adapters trained on a row of the person $user, oldest first; those built on them or merged from them are included.
with recursive touched as (
    select id
    from adapters
    where dataset in (
        select dataset from dataset_rows where list_contains(users::varchar[], $user)
    )
    union
    select origins.adapter
    from adapter_origins origins
    join touched on origins.origin = touched.id
)
select * from adapters where id in (select id from touched) order by "at", id;
