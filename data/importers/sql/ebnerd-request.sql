-- Grain: one row per impression. Key: event_id. Privacy: user_id is personal.
-- The in-view list is shuffled in the source, so candidates have no position.
with final as (
  select
    request_id as event_id,
    'request' as type,
    1 as schema_version,
    user_id,
    session_id,
    impression_ms as ts,
    request_id,
    if(article_id is null, 'front', 'article') as scene,
    list_transform(
      list_distinct(article_ids_inview), lambda article: {'item_id': article}
    ) as candidates,
    day
  from impression
  where len(article_ids_inview) > 0
)

select * from final
