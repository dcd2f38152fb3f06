-- Grain: one rerank sample of a date with something exposed.  Key: slate, part.
-- Everything is a number or a list of numbers: ids as places in the catalogue, unknown numbers as NaN.
-- The comment `features` keeps the place of the compiled features.
-- Parameters: $date, $scenes (known values).
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
    known_each(label_exposed) as label_exposed,
    known_each(label_click) as label_click,
    known_each(label_long) as label_long,
    known_each(label_like) as label_like,
    code_each(exp_item) as exp_item,
    known_each(exp_known) as exp_known,
    code_each(pv_item) as pv_item,
    known_each(pv_known) as pv_known,
    /* features */
  from samples
)

select * from final
order by slate, part;
