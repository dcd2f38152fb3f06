-- Grain: one part of the bucket's users.  Key: part (0 = the first by user_key).
-- Parts are ranges of user_key with about $events events each, so that the wide tables of a part fit
-- in memory; a user is never divided.
-- Reads the files; what the other statements read are the tables of one part.
-- Parameters: $events.  Privacy: pseudonymous.
with
events as (
  select user_key from file_request
  union all
  select user_key from file_rerank
  union all
  select user_key from file_exposure
  union all
  select user_key from file_page_view
  union all
  select user_key from file_play
  union all
  select user_key from file_feedback
  union all
  select user_key from file_order
  union all
  select user_key from file_decision
),

per_user as (select user_key, count(*) as n from events group by user_key),

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
