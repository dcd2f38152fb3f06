-- Grain: one part of a slate decision.  Key: sample_id (`slate_id`, or `slate_id#part` from the second on).
-- A slate longer than $candidates is cut into consecutive parts of that many, all with the state of
-- the one decision; a later part is kept only when an item in it was exposed. Behaviours are those
-- of the device that had ended strictly before the decision by the device's clock; when the cloud
-- heard of them does not matter. Items of the undated history fill what room is left before them.
-- Parameters: $candidates, $exposures (lengths), $utc_offset_ms (of the business day), $has_order.
-- Privacy: user_key is pseudonymous, device_id and session_id personal.
with
slates as (select * from slate),
exposures as (select * from exposure where sample_id is not null),
exposures_before as (select * from exposure_before),
page_views_before as (select * from page_view_before),
history as (
  select user_key, as_of, max_by(item_ids, len(item_ids)) as item_ids
  from lake_history
  group by all
),

-- What happened to each item that the slate exposed; an item exposed twice counts once.
outcomes as (
  select
    sample_id, item_id, max(label_click) as click, max(label_long) as long,
    max(label_like) as liked, max(label_order) as bought
  from exposures
  group by all
),

labels as (
  select
    sample_id,
    list(item_id order by item_id) as items,
    list(click order by item_id) as click,
    list(long order by item_id) as long,
    list(liked order by item_id) as liked,
    list(bought order by item_id) as bought
  from outcomes
  group by all
),

states as (
  select
    s.* exclude (request_id, listed),
    list_transform(s.cand_item, lambda item: list_position(l.items, item)) as outcome,
    l.click, l.long, l.liked, l.bought,
    e.entries as exp, v.entries as pv,
    case when len(e.entries) < $exposures::integer
      then coalesce(h.item_ids[len(e.entries) - $exposures::integer:], []) else [] end as seed,
    es.seen as session_exposures, vs.seen as session_clicks,
    ((s.decision_ts + $utc_offset_ms::bigint) // 3600000 % 24)::integer as hour
  from slates s
  left join labels l using (sample_id)
  left join exposures_before e on e.moment_id = s.sample_id and e.scope = 'device'
  left join page_views_before v on v.moment_id = s.sample_id and v.scope = 'device'
  left join exposures_before es on es.moment_id = s.sample_id and es.scope = 'session'
  left join page_views_before vs on vs.moment_id = s.sample_id and vs.scope = 'session'
  asof left join history h on s.user_key = h.user_key and s.decision_ts >= h.as_of
),

labelled as (
  select
    * exclude (outcome, click, long, liked, bought),
    list_transform(outcome, lambda o: (o is not null)::utinyint) as label_exposed,
    list_transform(outcome, lambda o: click[o]) as label_click,
    list_transform(outcome, lambda o: long[o]) as label_long,
    list_transform(outcome, lambda o: liked[o]) as label_like,
    list_transform(outcome, lambda o: bought[o]) as label_order
  from states
),

numbered as (
  select *, unnest(range(0, (len(cand_item) - 1) // $candidates::integer + 1)) as part
  from labelled
),

parts as (
  select *, part * $candidates::integer + 1 as first, (part + 1) * $candidates::integer as last
  from numbered
),

final as (
  select
    sample_id || case when part > 0 then '#' || part else '' end as sample_id,
    sample_id as slate_id, part::integer as part, kind, user_key, device_id, session_id, date,
    decision_ts, scene, page_no, trigger,
    cand_item[first:last] as cand_item,
    cand_position[first:last] as cand_position,
    cand_score[first:last] as cand_score,
    label_exposed[first:last] as label_exposed,
    label_click[first:last] as label_click,
    label_long[first:last] as label_long,
    label_like[first:last] as label_like,
    label_order[first:last] as label_order,
    seed || list_transform(exp, lambda e: e.item_id) as exp_item,
    unknown_integers(seed) || list_transform(exp, lambda e: e.position) as exp_position,
    unknown_bigints(seed) || list_transform(exp, lambda e: e.started) as exp_started,
    unknown_bigints(seed) || list_transform(exp, lambda e: e.ended) as exp_ended,
    unknown_doubles(seed) || list_transform(exp, lambda e: (e.ended - e.started)::double) as exp_duration_ms,
    unknown_integers(seed) || list_transform(exp, lambda e: e.count) as exp_count,
    unknown_doubles(seed) || list_transform(exp, lambda e: e.scroll_speed) as exp_scroll_speed,
    unknown_doubles(seed) || list_transform(exp, lambda e: e.scroll_duration_ms) as exp_scroll_duration_ms,
    unknown_integers(seed) || list_transform(exp, lambda e: e.scroll_count) as exp_scroll_count,
    unknown_texts(seed) || list_transform(exp, lambda e: removal_before(e, decision_ts)) as exp_delete_reason,
    list_transform(seed, lambda s: 0::utinyint) || list_transform(exp, lambda e: 1::utinyint) as exp_known,
    list_transform(pv, lambda v: v.item_id) as pv_item,
    list_transform(pv, lambda v: v.started) as pv_started,
    list_transform(pv, lambda v: v.ended) as pv_ended,
    list_transform(pv, lambda v: (v.ended - v.started)::double) as pv_duration_ms,
    list_transform(pv, lambda v: v.source) as pv_source,
    list_transform(pv, lambda v: v.cart) as pv_cart,
    list_transform(pv, lambda v: v.buy) as pv_buy,
    list_transform(pv, lambda v: v.favorite) as pv_favorite,
    list_transform(pv, lambda v: v.comment) as pv_comment,
    list_transform(pv, lambda v: v.sku) as pv_sku,
    list_transform(pv, lambda v: v.ask) as pv_ask,
    list_transform(pv, lambda v: v.service) as pv_service,
    list_transform(pv, lambda v: v.detail) as pv_detail,
    list_transform(pv, lambda v: v.shop) as pv_shop,
    list_transform(pv, lambda v: v.recommendation) as pv_recommendation,
    list_transform(pv, lambda v: case when $has_order then bought_before(v, decision_ts) end) as pv_bought,
    list_transform(pv, lambda v: 1::utinyint) as pv_known,
    session_exposures, session_clicks, hour
  from parts
  where part = 0 or list_sum(label_exposed[first:last]) > 0
)

select * from final;
