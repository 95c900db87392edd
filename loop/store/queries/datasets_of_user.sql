-- Datasets that hold a row of the person $user, oldest first: what `ratchet forget` must name.
select *
from datasets
where id in (
    select dataset from dataset_rows where list_contains(users::varchar[], $user)
)
order by "at", id;
