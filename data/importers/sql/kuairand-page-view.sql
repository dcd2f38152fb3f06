-- Grain: one row per clicked exposure. Key: event_id. Privacy: user_id is personal.
-- The time in the comments is the only dwell by block that the source has.
with final as (
  select
    concat(exposure_id, '-page') as event_id,
    'page_view' as type,
    1 as schema_version,
    user_id,
    time_ms as ts,
    request_id,
    video_id as item_id,
    time_ms as started,
    time_ms + play_time_ms as ended,
    if(
      comment_stay_time is null, null, [{'block': 'comment', 'dwell_ms': comment_stay_time}]
    ) as actions,
    day
  from exposure_row
  where copy_no = 1 and is_click = 1
)

select * from final
