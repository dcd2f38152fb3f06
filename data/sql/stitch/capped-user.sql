-- Grain: one user with more than $most events.  Key: user_key.
-- `first_ts`: device time from which on events count, so that at most $most and those of the same
-- millisecond remain; `dropped`: older events.
-- Parameters: $most.  Privacy: pseudonymous.
with
heavy as (select user_key from bucket_user where n > $most::bigint),

events as (
  select user_key, ts from file_request
  union all
  select user_key, ts from file_rerank
  union all
  select user_key, ts from file_exposure
  union all
  select user_key, ts from file_page_view
  union all
  select user_key, ts from file_play
  union all
  select user_key, ts from file_feedback
  union all
  select user_key, ts from file_order
  union all
  select user_key, ts from file_decision
),

ranked as (
  select user_key, ts, row_number() over (partition by user_key order by ts desc) as place
  from events
  semi join heavy using (user_key)
),

cuts as (select user_key, ts as first_ts from ranked where place = $most::bigint),

final as (
  select user_key, first_ts, count(*) filter (ts < first_ts) as dropped
  from events
  join cuts using (user_key)
  group by all
)

select * from final order by user_key;
