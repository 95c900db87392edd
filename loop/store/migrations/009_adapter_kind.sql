-- Reward models and whole models are kept beside adapters; they cannot answer for an assistant.
alter table adapters add column kind varchar not null default 'adapter';
