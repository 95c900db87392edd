-- Experiments with their status, said once: declared, running or stopped.
create view experiments_now as
select
    experiments.*,
    case
        when exists (from experiment_events e where e.experiment = experiments.id and e.kind = 'stop')
            then 'stopped'
        when exists (from experiment_events e where e.experiment = experiments.id and e.kind = 'start')
            then 'running'
        else 'declared'
    end as status
from experiments;
