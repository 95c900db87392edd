-- A/B tests of $assistant with their status (declared, running or stopped), newest first.
select
    experiments.*,
    case
        when count(*) filter (where kind = 'stop') > 0 then 'stopped'
        when count(*) filter (where kind = 'start') > 0 then 'running'
        else 'declared'
    end as status
from experiments
left join experiment_events on experiment_events.experiment = experiments.id
where experiments.assistant = $assistant
group by all
order by experiments."at" desc, experiments.id desc;
