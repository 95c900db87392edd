-- Purpose and retention per interaction; consent beside interactions; marks of forgotten people.
-- What is the person's is deleted by `ratchet forget` alone (loop/store/erase.py).

alter table interactions add column purpose varchar not null default '';
alter table interactions add column retain_until timestamptz;

create table consent_events (
    id varchar primary key,
    "at" timestamptz not null,
    "user" varchar not null,
    basis varchar not null,
    purpose varchar not null,
    actor varchar not null
);

create table adapter_marks (
    id varchar primary key,
    "at" timestamptz not null,
    adapter varchar not null,
    reason varchar not null,
    forget varchar not null,
    via varchar not null
);

create table dataset_tombstones (
    id varchar primary key,
    "at" timestamptz not null,
    dataset varchar not null,
    forget varchar not null,
    "rows" bigint not null
);

create table forgotten_persons (
    id varchar primary key,
    "at" timestamptz not null,
    subject varchar not null,
    counts json not null
);
