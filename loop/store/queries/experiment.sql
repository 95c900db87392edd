-- The A/B test $id with its status: declared, running or stopped; or no row.
select
    experiments.*,
    case
        when count(*) filter (where kind = 'stop') > 0 then 'stopped'
        when count(*) filter (where kind = 'start') > 0 then 'running'
        else 'declared'
    end as status
from experiments
left join experiment_events on experiment_events.experiment = experiments.id
where experiments.id = $id
group by all;
