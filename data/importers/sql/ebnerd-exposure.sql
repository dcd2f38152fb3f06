-- Grain: one row per impression and article in view. Key: event_id. Privacy: user_id is personal.
-- When an article came into view and left it is not said: it starts with the impression and has no end.
with in_view as (
  select impression.*, unnest(list_distinct(article_ids_inview)) as item_id
  from impression
),

final as (
  select
    concat(request_id, '-', item_id) as event_id,
    'exposure' as type,
    1 as schema_version,
    user_id,
    session_id,
    impression_ms as ts,
    request_id,
    item_id,
    impression_ms as started,
    day
  from in_view
)

select * from final
