-- People approve a verdict before it counts where that is asked for, and may waive a rule by name.
alter table decisions add column approvals bigint not null default 0;
create table approvals (
    id varchar primary key,
    "at" timestamptz not null,
    assistant varchar not null,
    decision varchar not null,
    kind varchar not null,
    rule varchar not null,
    actor varchar not null,
    reason varchar not null
);
