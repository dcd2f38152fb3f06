-- Grain: one request decision of a date with an arm and a propensity.  Key: user, decision_ts, sample_id.
-- Everything is a number or a list of numbers, as in rerank-rows.sql.
-- Parameters: $date, $scenes, $decision_scenes, $reasons, $sources (known values).
-- Privacy: user is the place of a pseudonymous key.
with
samples as (
  select * from decision
  where date = $date::date and arm is not null and propensity is not null
),

final as (
  select
    sample_id, user_key,
    enum_code(user_key::user_code)::integer as user,
    decision_ts::double as decision_ts,
    coalesce(list_position($scenes, scene), 0)::integer as scene_index,
    code_each(since_exp_item) as since_item,
    known_each(since_exp_ended) as since_ended,
    known_each(since_exp_known) as since_known,
    known_each(since_exp_duration_ms) as since_duration_ms,
    known_each(since_exp_count) as since_count,
    known_each(since_exp_scroll_speed) as since_scroll_speed,
    known_each(since_exp_scroll_duration_ms) as since_scroll_duration_ms,
    known_each(since_exp_scroll_count) as since_scroll_count,
    place_each(since_exp_delete_reason, $reasons) as since_delete_reason,
    code_each(sclk_item) as sclk_item,
    known_each(sclk_ended) as sclk_ended,
    known_each(sclk_known) as sclk_known,
    known_each(sclk_duration_ms) as sclk_duration_ms,
    place_each(sclk_source, $sources) as sclk_source,
    known_each(sclk_cart) as sclk_cart,
    known_each(sclk_buy) as sclk_buy,
    known_each(sclk_favorite) as sclk_favorite,
    known_each(sclk_comment) as sclk_comment,
    known_each(sclk_sku) as sclk_sku,
    known_each(sclk_ask) as sclk_ask,
    known_each(sclk_service) as sclk_service,
    known_each(sclk_detail) as sclk_detail,
    known_each(sclk_shop) as sclk_shop,
    known_each(sclk_recommendation) as sclk_recommendation,
    known_each(sclk_bought) as sclk_bought,
    code_each(unexposed_item) as unexposed_item,
    arm::double as arm,
    propensity,
    known(hour) as hour,
    known(session_exposures) as session_exposures,
    known(session_clicks) as session_clicks,
    place_of(scene, $decision_scenes) as scene,
    known(page_no) as page_no,
    known(depth) as depth,
    known(unexposed_count) as unexposed_count,
    coalesce(label_order_n5, 0)::double as label_n5,
    coalesce(label_order_n10, 0)::double as label_n10,
    coalesce(label_order_n15, 0)::double as label_n15,
    coalesce(label_order_n20, 0)::double as label_n20,
    coalesce(label_click_n10, 0)::double as label_click,
    matured::double as matured
  from samples
)

select * exclude (sample_id, user_key) from final
order by user_key, decision_ts, sample_id;
