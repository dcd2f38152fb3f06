-- Grain: one row per clicked exposure. Key: event_id. Privacy: user_id is personal.
-- The time in the comments is the only dwell by block that the source has. It is 0, not null, for those
-- who did not open them: no block was used then, which is known, hence an empty list.
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
    case
      when comment_stay_time > 0 then [{'block': 'comment', 'dwell_ms': comment_stay_time}]
      when comment_stay_time is not null then []
    end as actions,
    day
  from exposure_row
  where copy_no = 1 and is_click = 1
)

select * from final
