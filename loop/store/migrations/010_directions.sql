-- What is measured may be better the lower it is, and need not be a share.
alter table evaluations add column better varchar not null default 'higher';
alter table evaluations add column unit varchar not null default '';
