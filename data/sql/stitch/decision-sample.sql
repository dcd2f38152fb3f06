-- Grain: one request decision.  Key: sample_id (the event's id).
-- `since_exp_…`: exposures since the last call to the cloud; `sclk_…`: page views of the session;
-- both only what had ended strictly before the decision by the device's clock. Labels: whether one
-- of the user's next N exposures (started strictly after the decision) was ordered or clicked.
-- `matured`: the log goes on long enough after the decision for its labels to be whole.
-- Parameters: $unexposed (length), $utc_offset_ms (of the business day), $mature_ms (label delay),
-- $log_end (last device time in the whole log), $has_order, $has_page_view.
-- Privacy: user_key is pseudonymous, device_id and session_id personal.
with
decisions as (select * from decision),
exposures_before as (select * from exposure_before),
page_views_before as (select * from page_view_before),
next_exposures as (select * from next_exposure),
starts as (select user_key, started, max(place) as place from next_exposures group by all),
ends as (select user_key, max(place) as last from next_exposures group by all),

placed as (
  select d.*, coalesce(s.place, 0) as place, coalesce(e.last, 0) as last
  from decisions d
  asof left join starts s on d.user_key = s.user_key and d.decision_ts >= s.started
  left join ends e on d.user_key = e.user_key
),

counts as (
  select
    p.event_id,
    coalesce(n5.orders, 0) - coalesce(n0.orders, 0) > 0 as order_n5,
    coalesce(n10.orders, 0) - coalesce(n0.orders, 0) > 0 as order_n10,
    coalesce(n15.orders, 0) - coalesce(n0.orders, 0) > 0 as order_n15,
    coalesce(n20.orders, 0) - coalesce(n0.orders, 0) > 0 as order_n20,
    coalesce(n10.clicks, 0) - coalesce(n0.clicks, 0) > 0 as click_n10
  from placed p
  left join next_exposures n0 on p.user_key = n0.user_key and n0.place = p.place
  left join next_exposures n5 on p.user_key = n5.user_key and n5.place = least(p.place + 5, p.last)
  left join next_exposures n10 on p.user_key = n10.user_key and n10.place = least(p.place + 10, p.last)
  left join next_exposures n15 on p.user_key = n15.user_key and n15.place = least(p.place + 15, p.last)
  left join next_exposures n20 on p.user_key = n20.user_key and n20.place = least(p.place + 20, p.last)
),

states as (
  select
    d.*, c.* exclude (event_id), e.entries as exp,
    coalesce(v.entries, []) as clk, es.seen as session_exposures, v.seen as session_clicks
  from decisions d
  join counts c using (event_id)
  left join exposures_before e on e.moment_id = d.event_id and e.scope = 'since'
  left join exposures_before es on es.moment_id = d.event_id and es.scope = 'session'
  left join page_views_before v on v.moment_id = d.event_id and v.scope = 'session'
),

final as (
  select
    event_id as sample_id, decision_id, user_key, nullif(device, '') as device_id, session_id, date,
    decision_ts, arm, propensity, scene, page_no, depth,
    list_transform(exp, lambda e: e.item_id) as since_exp_item,
    list_transform(exp, lambda e: e.position) as since_exp_position,
    list_transform(exp, lambda e: e.started) as since_exp_started,
    list_transform(exp, lambda e: e.ended) as since_exp_ended,
    list_transform(exp, lambda e: (e.ended - e.started)::double) as since_exp_duration_ms,
    list_transform(exp, lambda e: e.count) as since_exp_count,
    list_transform(exp, lambda e: e.scroll_speed) as since_exp_scroll_speed,
    list_transform(exp, lambda e: e.scroll_duration_ms) as since_exp_scroll_duration_ms,
    list_transform(exp, lambda e: e.scroll_count) as since_exp_scroll_count,
    list_transform(exp, lambda e: removal_before(e, decision_ts)) as since_exp_delete_reason,
    list_transform(exp, lambda e: 1::utinyint) as since_exp_known,
    list_transform(clk, lambda v: v.item_id) as sclk_item,
    list_transform(clk, lambda v: v.started) as sclk_started,
    list_transform(clk, lambda v: v.ended) as sclk_ended,
    list_transform(clk, lambda v: (v.ended - v.started)::double) as sclk_duration_ms,
    list_transform(clk, lambda v: v.source) as sclk_source,
    list_transform(clk, lambda v: v.cart) as sclk_cart,
    list_transform(clk, lambda v: v.buy) as sclk_buy,
    list_transform(clk, lambda v: v.favorite) as sclk_favorite,
    list_transform(clk, lambda v: v.comment) as sclk_comment,
    list_transform(clk, lambda v: v.sku) as sclk_sku,
    list_transform(clk, lambda v: v.ask) as sclk_ask,
    list_transform(clk, lambda v: v.service) as sclk_service,
    list_transform(clk, lambda v: v.detail) as sclk_detail,
    list_transform(clk, lambda v: v.shop) as sclk_shop,
    list_transform(clk, lambda v: v.recommendation) as sclk_recommendation,
    list_transform(clk, lambda v: case when $has_order then bought_before(v, decision_ts) end) as sclk_bought,
    list_transform(clk, lambda v: 1::utinyint) as sclk_known,
    coalesce(unexposed[:$unexposed::integer], []) as unexposed_item,
    len(unexposed)::integer as unexposed_count,
    session_exposures, session_clicks,
    ((decision_ts + $utc_offset_ms::bigint) // 3600000 % 24)::integer as hour,
    case when $has_order then order_n5::utinyint end as label_order_n5,
    case when $has_order then order_n10::utinyint end as label_order_n10,
    case when $has_order then order_n15::utinyint end as label_order_n15,
    case when $has_order then order_n20::utinyint end as label_order_n20,
    case when $has_page_view then click_n10::utinyint end as label_click_n10,
    (decision_ts + $mature_ms::bigint <= $log_end::bigint)::utinyint as matured
  from states
)

select * from final;
