-- Grain: one row per exposure. Key: event_id. Privacy: user_id is personal.
-- A duration of 0 stands for an unknown one in the source.
with final as (
  select
    concat(exposure_id, '-play') as event_id,
    'play' as type,
    1 as schema_version,
    user_id,
    time_ms as ts,
    request_id,
    video_id as item_id,
    play_time_ms as watch_ms,
    nullif(duration_ms, 0) as duration_ms,
    day
  from exposure_row
  where copy_no = 1
)

select * from final
