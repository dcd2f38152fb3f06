-- Grain: one exposure.  Key: event_id.
-- Attribution: to the latest slate decision of its request that began at or before it. Labels: what
-- the same user did with the same item under the same request at or after the exposure's start;
-- null where the log has no events of that type at all.
-- Parameters: $has_page_view, $has_play, $has_feedback, $has_order (booleans, of the whole log).
-- Privacy: user_key is pseudonymous, device_id and session_id personal.
with
exposures as (select * from lake_exposure),
slates as (select * from slate),
page_views as (select * from lake_page_view),
plays as (select * from lake_play),
feedbacks as (select * from lake_feedback),
orders as (select * from lake_order),

-- A rerank at the very moment of its request comes after it.
slate_at as (
  select
    user_key, request_id, decision_ts,
    max_by(sample_id, (case kind when 'rerank' then '1' else '0' end) || sample_id) as sample_id
  from slates
  where request_id is not null
  group by all
),

clicks as (
  select user_key, request_id, item_id, started, min(coalesce(received_ts, ts)) as heard_ts
  from page_views
  where request_id is not null
  group by all
),

long_plays as (
  select user_key, request_id, item_id, max(ts) as ts
  from plays
  where watch_ms >= 18000 or (duration_ms > 0 and watch_ms >= duration_ms)
  group by all
),

likes as (
  select user_key, request_id, item_id, max(ts) as ts
  from feedbacks
  where kind = 'like'
  group by all
),

purchases as (
  select user_key, request_id, item_id, max(ts) as ts
  from orders
  group by all
),

removals as (
  select user_key, request_id, item_id, ts, min(coalesce(reason, 'unspecified')) as reason
  from feedbacks
  where kind in ('delete', 'hate') and request_id is not null
  group by all
),

requests as (
  select distinct user_key, coalesce(device_id, '') as device, ts
  from lake_request
),

attributed as (
  select e.*, s.sample_id
  from exposures e
  asof left join slate_at s
    on e.user_key = s.user_key and e.request_id = s.request_id and e.started >= s.decision_ts
),

clicked as (
  select e.*, c.started as click_ts, c.heard_ts as click_heard_ts
  from attributed e
  asof left join clicks c
    on e.user_key = c.user_key and e.request_id = c.request_id
    and e.item_id = c.item_id and e.started <= c.started
),

removed as (
  select e.*, r.ts as removed_ts, r.reason as removed_reason
  from clicked e
  asof left join removals r
    on e.user_key = r.user_key and e.request_id = r.request_id
    and e.item_id = r.item_id and e.started <= r.ts
),

-- The call to the cloud on this device that the exposure follows; 0 before the first.
in_era as (
  select e.*, coalesce(r.ts, 0) as era
  from removed e
  asof left join requests r
    on e.user_key = r.user_key and coalesce(e.device_id, '') = r.device and e.started >= r.ts
),

final as (
  select
    e.event_id, e.user_key, coalesce(e.device_id, '') as device, e.session_id, e.date, e.era,
    e.request_id, e.sample_id, e.item_id, e.position, e.started, e.ended, e.count,
    e.scroll_speed, e.scroll_duration_ms, e.scroll_count, e.removed_ts, e.removed_reason,
    coalesce(e.received_ts, e.ts) as heard_ts, e.click_heard_ts,
    case when $has_page_view then (e.click_ts is not null)::utinyint end as label_click,
    case when $has_play then coalesce(p.ts >= e.started, false)::utinyint end as label_long,
    case when $has_feedback then coalesce(l.ts >= e.started, false)::utinyint end as label_like,
    case when $has_order then coalesce(o.ts >= e.started, false)::utinyint end as label_order
  from in_era e
  left join long_plays p using (user_key, request_id, item_id)
  left join likes l using (user_key, request_id, item_id)
  left join purchases o using (user_key, request_id, item_id)
)

select *, row_number() over (order by user_key, started, event_id)::integer as event_no
from final;
