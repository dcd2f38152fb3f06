-- Grain: one user and business day on which the cloud heard any of these events.  Key: user_key, date.
-- Unlike the samples, these are the cloud's knowledge: an event counts on the day on which the cloud
-- received it (on its own day where the log has no receive time), so that what is summed before a day
-- was known before it. A click counts once both the exposure and the page view had arrived.
-- Parameters: $utc_offset_ms (of the business day).  Privacy: user_key is pseudonymous.
with
exposures as (select * from exposure),
page_views as (select * from page_view),

facts as (
  select user_key, heard_ts, 'exposures' as fact, session_id from exposures
  union all
  select user_key, greatest(heard_ts, click_heard_ts), 'clicks', null
  from exposures
  where label_click = 1
  union all
  select user_key, heard_ts, 'page_views', session_id from page_views
  union all
  select user_key, coalesce(received_ts, ts), 'requests', session_id from lake_request
  union all
  select user_key, coalesce(received_ts, ts), 'reranks', session_id from lake_rerank
  union all
  select user_key, coalesce(received_ts, ts), 'plays', session_id from lake_play
  union all
  select user_key, coalesce(received_ts, ts), 'likes', session_id from lake_feedback
  where kind = 'like'
  union all
  select user_key, coalesce(received_ts, ts), 'orders', session_id from lake_order
  union all
  select user_key, coalesce(received_ts, ts), 'decisions', session_id from lake_decision
),

final as (
  select
    user_key,
    (date '1970-01-01' + ((heard_ts + $utc_offset_ms::bigint) // 86400000)::integer) as date,
    count(*) filter (fact = 'exposures')::integer as exposures,
    count(*) filter (fact = 'clicks')::integer as clicks,
    count(*) filter (fact = 'page_views')::integer as page_views,
    count(*) filter (fact = 'requests')::integer as requests,
    count(*) filter (fact = 'reranks')::integer as reranks,
    count(*) filter (fact = 'plays')::integer as plays,
    count(*) filter (fact = 'likes')::integer as likes,
    count(*) filter (fact = 'orders')::integer as orders,
    count(*) filter (fact = 'decisions')::integer as decisions,
    count(distinct session_id)::integer as sessions
  from facts
  group by all
)

select * from final
order by user_key, date;
