-- One row per answer that was rated (not only compared) under the guideline $guideline: interaction, and how many rated it.
select interaction, count(distinct rater) as raters
from ratings_now
where guideline = $guideline and kind in ('thumb', 'stars', 'rubric')
group by interaction
order by interaction;
