-- Grain: one row per exposure and kind of feedback. Key: event_id. Privacy: user_id is personal.
-- The source does not say when the feedback was given: it carries the time of its exposure.
with given as (
  select exposure_row.*, unnest(list_filter(
    [
      if(is_like = 1, 'like', null),
      if(is_follow = 1, 'follow', null),
      if(is_comment = 1, 'comment', null),
      if(is_forward = 1, 'share', null),
      if(is_hate = 1, 'hate', null)
    ],
    lambda kind: kind is not null
  )) as kind
  from exposure_row
  where copy_no = 1
),

final as (
  select
    concat(exposure_id, '-', kind) as event_id,
    'feedback' as type,
    1 as schema_version,
    user_id,
    time_ms as ts,
    request_id,
    video_id as item_id,
    kind,
    day
  from given
)

select * from final
