-- Grain: one user of the bucket.  Key: user_key.  Reads the files `file_<type>`.
-- Parameters: none.  Privacy: pseudonymous.
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

final as (select user_key, count(*) as n from events group by user_key)

select * from final;
