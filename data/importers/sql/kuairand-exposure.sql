-- Grain: one row per row of the log files. Copies keep their event_id, so that ingest counts them as
-- duplicates; copy_no puts the row that stands for all of them first.
-- Key: (event_id, copy_no). Privacy: user_id is personal.
with final as (
  select
    exposure_id as event_id,
    'exposure' as type,
    1 as schema_version,
    user_id,
    time_ms as ts,
    request_id,
    video_id as item_id,
    time_ms as started,
    time_ms + play_time_ms as ended,
    day,
    copy_no
  from exposure_row
)

select * from final
