-- Grain: one part of the bucket's users.  Key: part (0 = the first by user_key).
-- Parts are ranges of user_key with about $events events each, so that the wide tables of a part fit
-- in memory; a user is never divided.
-- Parameters: $events, $most (events of a user that count).  Privacy: pseudonymous.
with
per_user as (select user_key, least(n, $most::bigint) as n from bucket_user),

running as (
  select user_key, sum(n) over (order by user_key rows unbounded preceding) - n as before
  from per_user
),

final as (
  select (before // $events::bigint)::integer as part, min(user_key) as first, max(user_key) as last
  from running
  group by all
)

select * from final order by part;
