-- One table per record class of loop/store/records.py, one column per field.
-- A primary key makes a repeated append harmless; nothing is ever updated or deleted.

create table interactions (
    id varchar primary key,
    "at" timestamptz not null,
    assistant varchar not null,
    "user" varchar not null,
    conversation varchar not null,
    question varchar not null,
    answer varchar not null,
    messages json not null,
    adapter varchar not null,
    base varchar not null,
    passages json not null,
    citations json not null,
    confidence double,
    abstained boolean not null,
    latency_ms double not null,
    prompt_tokens bigint not null,
    completion_tokens bigint not null,
    experiment varchar,
    arm varchar,
    consent varchar not null,
    licence varchar not null,
    seed bigint,
    simulated boolean not null
);

create table ratings (
    id varchar primary key,
    "at" timestamptz not null,
    interaction varchar not null,
    rater varchar not null,
    guideline varchar not null,
    kind varchar not null,
    "value" double,
    "text" varchar,
    rubric json not null,
    seconds double,
    simulated boolean not null
);

create table comparisons (
    id varchar primary key,
    "at" timestamptz not null,
    rater varchar not null,
    guideline varchar not null,
    interactions json not null,
    ranks json not null,
    shown json not null,
    seconds double,
    simulated boolean not null
);

create table guidelines (
    id varchar primary key,
    "at" timestamptz not null,
    "name" varchar not null,
    "version" varchar not null,
    "text" varchar not null,
    criteria json not null
);

create table datasets (
    id varchar primary key,
    "at" timestamptz not null,
    assistant varchar not null,
    "rows" bigint not null,
    "path" varchar not null,
    manifest json not null
);

create table dataset_rows (
    dataset varchar not null,
    "row" varchar not null,
    kind varchar not null,
    split varchar not null,
    interactions json not null,
    ratings json not null,
    guideline varchar not null,
    consent varchar not null,
    users json not null,
    primary key (dataset, kind, "row")
);

create table runs (
    id varchar primary key,
    "at" timestamptz not null,
    dataset varchar not null,
    "method" varchar not null,
    base varchar not null,
    seed bigint not null,
    settings json not null,
    seconds double not null,
    tokens_per_second double not null,
    metrics json not null
);

create table adapters (
    id varchar primary key,
    "at" timestamptz not null,
    assistant varchar not null,
    run varchar not null,
    dataset varchar not null,
    base varchar not null,
    parent varchar,
    "path" varchar not null,
    sha256 varchar not null
);

create table evaluations (
    id varchar not null,
    "at" timestamptz not null,
    adapter varchar not null,
    suite varchar not null,
    suite_version varchar not null,
    metric varchar not null,
    mean double not null,
    low double not null,
    high double not null,
    n bigint not null,
    primary key (id, metric)
);

create table case_scores (
    evaluation varchar not null,
    "case" varchar not null,
    "cluster" varchar not null,
    metric varchar not null,
    "value" double not null,
    answer varchar not null,
    primary key (evaluation, "case", metric)
);

create table decisions (
    id varchar primary key,
    "at" timestamptz not null,
    assistant varchar not null,
    candidate varchar not null,
    champion varchar not null,
    verdict varchar not null,
    rules json not null
);

create table promotions (
    id varchar primary key,
    "at" timestamptz not null,
    assistant varchar not null,
    adapter varchar not null,
    previous varchar not null,
    kind varchar not null,
    actor varchar not null,
    reason varchar not null,
    evidence json not null
);

create table experiments (
    id varchar primary key,
    "at" timestamptz not null,
    assistant varchar not null,
    metric varchar not null,
    arms json not null,
    salt varchar not null,
    horizon bigint not null,
    alpha double not null,
    simulated boolean not null
);

create table experiment_events (
    id varchar primary key,
    "at" timestamptz not null,
    experiment varchar not null,
    kind varchar not null,
    actor varchar not null,
    detail json not null
);

create table exposures (
    id varchar primary key,
    "at" timestamptz not null,
    experiment varchar not null,
    "user" varchar not null,
    arm varchar not null,
    interaction varchar not null
);

create table tickets (
    id varchar primary key,
    "at" timestamptz not null,
    interaction varchar not null,
    reason varchar not null,
    status varchar not null
);

create table steps (
    id varchar primary key,
    "at" timestamptz not null,
    night varchar not null,
    "name" varchar not null,
    inputs varchar not null,
    outputs json not null,
    seconds double not null
);

create table audit_events (
    id varchar primary key,
    "at" timestamptz not null,
    actor varchar not null,
    action varchar not null,
    subject varchar not null,
    detail json not null,
    previous_hash varchar not null,
    hash varchar not null
);
