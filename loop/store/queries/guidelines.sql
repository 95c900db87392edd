-- All guidelines, newest first: the first is the one that raters see.
select * from guidelines order by "at" desc, id desc;
