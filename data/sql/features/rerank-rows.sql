-- Grain: one rerank sample of a date with something exposed.  Key: slate, part.
-- Everything is a number or a list of numbers: ids as places in the catalogue, texts as places among
-- their known values, unknown as NaN.
-- Parameters: $date, $scenes, $triggers, $scene_values, $reasons, $sources (known values).
-- Privacy: user is the place of a pseudonymous key.
with
samples as (select * from rerank where date = $date::date and list_sum(label_exposed) > 0),

final as (
  select
    dense_rank() over (order by user_key, decision_ts, slate_id)::integer as slate,
    part,
    enum_code(user_key::user_code)::integer as user,
    decision_ts::double as decision_ts,
    coalesce(list_position($scenes, scene), 0)::integer as scene_index,
    code_each(cand_item) as cand_item,
    list_transform(cand_position, lambda p: coalesce(p, -1)) as cand_position,
    known_each(cand_score) as cand_score,
    known_each(label_exposed) as label_exposed,
    known_each(label_click) as label_click,
    known_each(label_long) as label_long,
    known_each(label_like) as label_like,
    code_each(exp_item) as exp_item,
    known_each(exp_ended) as exp_ended,
    known_each(exp_known) as exp_known,
    known_each(exp_duration_ms) as exp_duration_ms,
    known_each(exp_count) as exp_count,
    known_each(exp_scroll_speed) as exp_scroll_speed,
    known_each(exp_scroll_duration_ms) as exp_scroll_duration_ms,
    known_each(exp_scroll_count) as exp_scroll_count,
    place_each(exp_delete_reason, $reasons) as exp_delete_reason,
    code_each(pv_item) as pv_item,
    known_each(pv_ended) as pv_ended,
    known_each(pv_known) as pv_known,
    known_each(pv_duration_ms) as pv_duration_ms,
    place_each(pv_source, $sources) as pv_source,
    known_each(pv_cart) as pv_cart,
    known_each(pv_buy) as pv_buy,
    known_each(pv_favorite) as pv_favorite,
    known_each(pv_comment) as pv_comment,
    known_each(pv_sku) as pv_sku,
    known_each(pv_ask) as pv_ask,
    known_each(pv_service) as pv_service,
    known_each(pv_detail) as pv_detail,
    known_each(pv_shop) as pv_shop,
    known_each(pv_recommendation) as pv_recommendation,
    known_each(pv_bought) as pv_bought,
    known(hour) as hour,
    known(session_exposures) as session_exposures,
    known(session_clicks) as session_clicks,
    place_of(scene, $scene_values) as scene,
    known(page_no) as page_no,
    place_of(trigger, $triggers) as trigger
  from samples
)

select * from final
order by slate, part;
