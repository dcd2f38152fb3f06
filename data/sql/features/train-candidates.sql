-- Grain: one rerank sample of the training dates.  Key: sample_id.
-- Parameters: none.  Privacy: none of a person leaves.
with
samples as (select * from train_rerank),

final as (
  select
    sample_id,
    decision_ts::double as decision_ts,
    code_each(cand_item) as cand_item,
    known_each(cand_score) as cand_score
  from samples
)

select decision_ts, cand_item, cand_score from final
order by sample_id;
