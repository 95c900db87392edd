-- Exactly one row: how many items of $assistant $rater was given so far; pairs to compare where $pairs, else single answers.
select count(*) as given
from review_events
where assistant = $assistant and rater = $rater and kind = 'lease' and contains(item, ' ') = $pairs::boolean;
