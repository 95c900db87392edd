-- Rows of a dataset that nobody asked name the made-up question behind them.
alter table dataset_rows add column synthetics json default '[]';
alter table dataset_rows alter column synthetics set not null;
