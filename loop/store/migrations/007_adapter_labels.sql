-- Adapters say what they are for, which adapters they were merged from and how they were configured.
alter table adapters add column "domain" varchar not null default '';
alter table adapters add column "language" varchar not null default '';
alter table adapters add column segment varchar not null default '';
alter table adapters add column sources json default '[]';
alter table adapters alter column sources set not null;
alter table adapters add column config_sha256 varchar not null default '';

-- One row per adapter and adapter that it was built on: its parent, or those it was merged from.
create view adapter_origins as
select id as adapter, parent as origin from adapters where parent is not null
union
select id as adapter, unnest(sources::varchar[]) as origin from adapters;

-- One row per adapter and dataset whose rows are in its weights: its own, or those of all it was merged from.
create view adapter_datasets as
with recursive merged as (
    select id as adapter, id as source from adapters
    union
    select merged.adapter, unnest(adapters.sources::varchar[])
    from merged
    join adapters on adapters.id = merged.source
)
select distinct merged.adapter, adapters.dataset
from merged
join adapters on adapters.id = merged.source
where adapters.dataset <> '';

-- One row per adapter whose files were pruned and have not been put back: when and why.
create view pruned_adapters as
select subject as adapter, "at", detail
from (
    from audit_events
    where action in ('prune_adapter', 'restore_adapter')
    qualify row_number() over (partition by subject order by "at" desc, id desc) = 1
)
where action = 'prune_adapter';
