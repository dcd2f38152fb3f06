-- Grain: one active day of a user (the cloud heard something) among the $days days before a date.  Key: user, day (0 = first).
-- Parameters: $before (date), $days.  Privacy: user is the place of a pseudonymous key.
with
days as (
  select *, date_diff('day', $before::date, date) + $days::integer as day
  from user_day
)

select
  enum_code(user_key::user_code)::integer as user,
  day::integer as day,
  clicks, exposures, page_views
from days
where day >= 0 and day < $days::integer
order by user, day;
