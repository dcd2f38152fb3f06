-- Grain: one request decision.  Key: event_id.
-- `era`: the last call to the cloud on this device strictly before the decision; 0 when there is none.
-- Parameters: none.  Privacy: user_key is pseudonymous, device_id and session_id personal.
with
decisions as (select * from lake_decision),
requests as (select distinct user_key, coalesce(device_id, '') as device, ts from lake_request),

pages as (
  select user_key, request_id, max_by({'scene': scene, 'page_no': page_no}, (ts, event_id)) as page
  from lake_request
  group by all
),

final as (
  select
    d.event_id, d.decision_id, d.user_key, coalesce(d.device_id, '') as device, d.session_id,
    d.date, d.ts as decision_ts,
    case d.arm when 'treatment' then 1 when 'control' then 0 end::utinyint as arm,
    d.propensity, d.depth, d.unexposed, p.page.scene as scene, p.page.page_no as page_no,
    coalesce(r.ts, 0) as era
  from decisions d
  asof left join requests r
    on d.user_key = r.user_key and coalesce(d.device_id, '') = r.device and d.ts > r.ts
  left join pages p on d.user_key = p.user_key and d.request_id = p.request_id
)

select * from final;
