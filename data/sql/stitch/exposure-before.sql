-- Grain: one moment and scope.  Key: moment_id, scope.
-- `seen`: how many exposures of the lane had ended strictly before now; `entries`: the last ones
-- wanted of them, oldest first.
-- Parameters: $block (as in exposure-block.sql).  Privacy: pseudonymous.
with
moments as (select * from moment),
blocks as (select * from exposure_block),
ends as (select lane, ended, max(place) as place from exposure_entry group by all),

counted as (
  select
    m.moment_id, m.scope, m.lane, m.now, m.wanted_exposures as wanted,
    coalesce(e.place, 0) as seen
  from moments m
  asof left join ends e on m.lane = e.lane and m.now > e.ended
),

-- The block that holds the last one, and how many of its entries count.
placed as (
  select
    *,
    case when seen > 0 and wanted > 0 then (seen - 1) // $block::integer end as block,
    (seen - 1) % $block::integer + 1 as within
  from counted
),

final as (
  select
    p.moment_id, p.scope, p.seen, p.now,
    case when newest.entries is null then []
      else (coalesce(older.entries, []) || newest.entries[:p.within])[-p.wanted:] end as entries
  from placed p
  left join blocks newest on newest.lane = p.lane and newest.block = p.block
  left join blocks older on older.lane = p.lane and older.block = p.block - 1
)

select * from final;
