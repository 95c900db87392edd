-- Metrics that an arm must not make worse, each "metric" or "metric by margin".
alter table experiments add column guardrails json not null default '[]';
