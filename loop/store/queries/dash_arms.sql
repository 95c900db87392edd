-- One row per arm that anyone saw in the A/B test $experiment: people and answers.
select arm, count(distinct "user") as users, count(distinct interaction) as answers
from exposures
where experiment = $experiment
group by arm
order by arm;
