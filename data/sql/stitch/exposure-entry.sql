-- Grain: one finished exposure in a lane that somebody asks about.  Key: lane, place (1 = first to end).
-- Parameters: none.  Privacy: keys only.
with
lanes as (select distinct lane, scope, user_key, device, part from moment),
exposures as (select * from exposure where ended is not null),

laned as (
  select l.lane, e.event_no, e.event_id, e.started, e.ended
  from exposures e
  join lanes l on e.user_key = l.user_key and e.device = l.device and l.scope = 'device'
  union all
  select l.lane, e.event_no, e.event_id, e.started, e.ended
  from exposures e
  join lanes l
    on e.user_key = l.user_key and e.device = l.device
    and l.scope = 'since' and l.part = e.era::varchar
  union all
  select l.lane, e.event_no, e.event_id, e.started, e.ended
  from exposures e
  join lanes l
    on e.user_key = l.user_key and e.device = l.device
    and l.scope = 'session' and l.part = e.session_id
),

final as (
  select
    lane, event_no, ended,
    row_number() over (partition by lane order by ended, started, event_id)::integer as place
  from laned
)

select * from final;
