-- Grain: one row per slate: what a user met on one day in one tab, by one policy (1,000 at most).
-- Key: request_id. Privacy: user_id is personal.
--
-- The source has no requests, so the slate's own start stands for the request: 1 ms before its first
-- exposure. That freezes what is known about the user at the start of the slate.
with seen as (
  select request_id, video_id, min(time_ms) as first_time
  from exposure_row
  group by request_id, video_id
),

listed as (
  select request_id, list({'item_id': video_id} order by first_time, video_id) as candidates
  from seen
  group by request_id
),

slate as (
  select
    request_id,
    any_value(user_id) as user_id,
    any_value(day) as day,
    any_value(tab) as tab,
    max(is_rand) as is_rand,
    min(time_ms) - 1 as ts
  from exposure_row
  group by request_id
),

final as (
  select
    request_id as event_id,
    'request' as type,
    1 as schema_version,
    user_id,
    ts,
    request_id,
    tab as scene,
    if(is_rand = 1, 'random', null) as arm,
    candidates,
    day
  from slate join listed using (request_id)
)

select * from final
