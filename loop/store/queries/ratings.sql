-- What was said of the interaction $interaction, oldest first; a changed mind is a later row.
select * from ratings_now where interaction = $interaction order by "at", id;
