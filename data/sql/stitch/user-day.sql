-- Grain: one user and business day with any of these events.  Key: user_key, date.
-- Everything is counted on the day on which it happened: the click on an exposure of the evening
-- before counts today. Parameters: none.  Privacy: user_key is pseudonymous.
with
exposures as (select * from exposure),
page_views as (select * from page_view),

facts as (
  select user_key, date, 'exposures' as fact, session_id from exposures
  union all
  select user_key, click_date, 'clicks', null from exposures where label_click = 1
  union all
  select user_key, date, 'page_views', session_id from page_views
  union all
  select user_key, date, 'requests', session_id from lake_request
  union all
  select user_key, date, 'reranks', session_id from lake_rerank
  union all
  select user_key, date, 'plays', session_id from lake_play
  union all
  select user_key, date, 'likes', session_id from lake_feedback where kind = 'like'
  union all
  select user_key, date, 'orders', session_id from lake_order
  union all
  select user_key, date, 'decisions', session_id from lake_decision
),

final as (
  select
    user_key, date,
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
