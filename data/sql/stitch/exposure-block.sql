-- Grain: one block of $block consecutive exposures of a lane.  Key: lane, block (0 = oldest).
-- The last K behaviours before any moment lie in at most two neighbouring blocks, so a user with n
-- behaviours costs n, not n times the number of decisions.
-- Sorted as lists whose first field is the place: an ordered aggregate holds several times as much.
-- Parameters: $block (at least every number wanted).  Privacy: pseudonymous.
with
entries as (select * from exposure_entry),
bodies as (select * from exposure),
lanes as (select distinct lane from moment where wanted_exposures > 0),

final as (
  select
    e.lane,
    (e.place - 1) // $block::integer as block,
    list_sort(list({
      'place': e.place, 'item_id': b.item_id, 'position': b.position, 'started': b.started, 'ended': b.ended,
      'count': b.count, 'scroll_speed': b.scroll_speed,
      'scroll_duration_ms': b.scroll_duration_ms, 'scroll_count': b.scroll_count,
      'removed_ts': b.removed_ts, 'removed_reason': b.removed_reason
    })) as entries
  from entries e
  join lanes l on l.lane = e.lane
  join bodies b on b.event_no = e.event_no
  group by all
)

select * from final;
