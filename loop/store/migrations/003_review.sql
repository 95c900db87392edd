-- Guidelines gain a rubric with anchors, worked examples, and the sample that is judged again under them.
alter table guidelines add column rubric json default '[]';
alter table guidelines alter column rubric set not null;
alter table guidelines add column examples json default '[]';
alter table guidelines alter column examples set not null;
alter table guidelines add column rerate json default '[]';
alter table guidelines alter column rerate set not null;

-- What happens in the review queue. Nothing is changed in place: the newest event of a rater on an
-- item says how they stand.
create table review_events (
    id varchar primary key,
    "at" timestamptz not null,
    assistant varchar not null,
    rater varchar not null,
    item varchar not null,
    kind varchar not null,
    reason varchar not null,
    "text" varchar,
    "until" timestamptz,
    about varchar,
    judgements json not null
);

-- Items whose right judgement is known.
create table golds (
    id varchar primary key,
    "at" timestamptz not null,
    assistant varchar not null,
    item varchar not null,
    kind varchar not null,
    "value" double not null,
    why varchar not null,
    "by" varchar not null
);

-- Judgements that their rater has taken back.
create view retracted as
select unnest(judgements::varchar[]) as id
from review_events
where kind = 'undo';

-- What was said and still holds: every reader of ratings reads these, not the tables below them.
create view ratings_now as
select * from ratings where id not in (select id from retracted);

create view comparisons_now as
select * from comparisons where id not in (select id from retracted);

-- One row per answer and rater that judged it, by whatever means.
create view judgements_now as
select id, interaction, rater, guideline, "at" from ratings_now
union all
select id, unnest(interactions::varchar[]) as interaction, rater, guideline, "at" from comparisons_now;
