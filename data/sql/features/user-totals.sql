-- Grain: one user of whom the cloud heard before a date.  Key: user.
-- Parameters: $before (date).  Privacy: user is the place of a pseudonymous key.
select
  enum_code(user_key::user_code)::integer as user,
  sum(clicks)::integer as clicks,
  sum(exposures)::integer as exposures
from user_day
where date < $before::date
group by all
order by user;
