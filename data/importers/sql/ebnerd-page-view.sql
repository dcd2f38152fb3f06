-- Grain: one row per impression and clicked article. Key: event_id. Privacy: user_id is personal.
-- next_read_time belongs to the clicked article; with several clicks it is not said to which, so none
-- of them has an end. Without read_time the click's moment is unknown, and the impression's stands.
with clicked as (
  select
    impression.*,
    unnest(list_distinct(article_ids_clicked)) as item_id,
    len(list_distinct(article_ids_clicked)) as clicks,
    coalesce(left_ms, impression_ms) as opened_ms
  from impression
),

final as (
  select
    concat(request_id, '-', item_id, '-page') as event_id,
    'page_view' as type,
    1 as schema_version,
    user_id,
    session_id,
    opened_ms as ts,
    request_id,
    item_id,
    if(article_id is null, 'front', 'article') as source,
    opened_ms as started,
    if(clicks = 1, opened_ms + cast(round(1000 * next_read_time) as bigint), null) as ended,
    day
  from clicked
)

select * from final
