-- Candidates of $assistant whose newest verdict is a pass against $champion: they may be promoted.
select candidate
from (
    from decisions
    where assistant = $assistant
    qualify row_number() over (partition by candidate order by id desc) = 1
)
where verdict = 'pass' and champion = $champion
order by candidate;
