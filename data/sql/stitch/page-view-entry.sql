-- Grain: one finished page view in a lane that somebody asks about.  Key: lane, place (1 = first to end).
-- Parameters: none.  Privacy: keys only.
with
lanes as (select distinct lane, scope, user_key, device, part from moment),
page_views as (select * from page_view where ended is not null),

laned as (
  select l.lane, v.event_no, v.event_id, v.started, v.ended
  from page_views v
  join lanes l on v.user_key = l.user_key and v.device = l.device and l.scope = 'device'
  union all
  select l.lane, v.event_no, v.event_id, v.started, v.ended
  from page_views v
  join lanes l
    on v.user_key = l.user_key and v.device = l.device
    and l.scope = 'session' and l.part = v.session_id
),

final as (
  select
    lane, event_no, ended,
    row_number() over (partition by lane order by ended, started, event_id)::integer as place
  from laned
)

select * from final;
