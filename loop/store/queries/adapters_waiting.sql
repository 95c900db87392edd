-- Candidates of $assistant whose newest verdict is against $champion, and a pass or waived in part: they may be promoted.
select candidate
from (
    from decisions
    where assistant = $assistant
    qualify row_number() over (partition by candidate order by id desc) = 1
)
where (verdict = 'pass' or id in (select decision from approvals where kind = 'waive'))
    and champion = $champion
order by candidate;
