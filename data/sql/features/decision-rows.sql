-- Grain: one request decision of a date with an arm and a propensity.  Key: user, decision_ts, sample_id.
-- Everything is a number or a list of numbers, as in rerank-rows.sql.
-- Parameters: $date, $scenes (known values).
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
    known_each(since_exp_known) as since_known,
    code_each(sclk_item) as sclk_item,
    known_each(sclk_known) as sclk_known,
    code_each(unexposed_item) as unexposed_item,
    arm::double as arm,
    propensity,
    coalesce(label_order_n5, 0)::double as label_n5,
    coalesce(label_order_n10, 0)::double as label_n10,
    coalesce(label_order_n15, 0)::double as label_n15,
    coalesce(label_order_n20, 0)::double as label_n20,
    coalesce(label_click_n10, 0)::double as label_click,
    matured::double as matured,
    /* features */
  from samples
)

select * exclude (sample_id, user_key) from final
order by user_key, decision_ts, sample_id;
