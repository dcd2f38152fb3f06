-- Grain: one row per impression. Key: impression_id. Parameters: $offset_ms, $from_day, $to_day.
-- Privacy: user_id is personal.
--
-- read_time is how long the page of the impression stayed open; the click ends it, so a clicked
-- article opens at left_ms.
with dated as (
  select
    *,
    impression_ms + cast(round(1000 * read_time) as bigint) as left_ms,
    (impression_ms + $offset_ms) // 86400000 as day
  from source_row
),

final as (
  select
    *,
    substr(sha256(concat_ws('|', 'ebnerd', impression_id)), 1, 32) as request_id
  from dated
  where day between $from_day and $to_day
)

select * from final
