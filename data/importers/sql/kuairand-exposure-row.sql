-- Grain: one row per row of the log files, copies included.
-- Key: (file_no, row_no). Parameters: $offset_ms, the business day's offset from UTC; $from_day and
-- $to_day, days since 1970-01-01, both included. Privacy: user_id is personal.
--
-- Rows that share user, video, time and tab are one exposure, logged more than once: copy_no 1 is the
-- one that saw most of it, and every fact is taken from that row alone.
with dated as (
  select *, (time_ms + $offset_ms) // 86400000 as day
  from source_row
),

numbered as (
  select
    *,
    row_number() over (
      partition by user_id, video_id, time_ms, tab
      order by is_click desc, play_time_ms desc, file_no, row_no
    ) as copy_no
  from dated
  where day between $from_day and $to_day
),

-- A request holds at most 1,000 candidates: a longer slate is cut after each 1,000th exposure.
placed as (
  select
    *,
    greatest(0, count(*) filter (where copy_no = 1) over (
      partition by user_id, day, tab, is_rand
      order by time_ms, video_id, copy_no
      rows unbounded preceding
    ) - 1) // 1000 as part
  from numbered
),

final as (
  select
    *,
    substr(sha256(concat_ws('|', 'kuairand', user_id, video_id, time_ms, tab)), 1, 32) as exposure_id,
    substr(
      sha256(concat_ws('|', 'kuairand request', user_id, day, tab, coalesce(is_rand, 0), part)), 1, 32
    ) as request_id
  from placed
)

select * from final
