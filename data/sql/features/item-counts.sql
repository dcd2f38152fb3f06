-- Grain: one item shown in the training dates.  Key: item.
-- Parameters: none.  Privacy: none.
with
candidates as (
  select
    unnest(code_each(cand_item)) as item,
    unnest(label_exposed) as exposed,
    unnest(label_click) as clicked
  from train_rerank
),

final as (
  select item, count(*)::integer as exposures, coalesce(sum(clicked), 0)::integer as clicks
  from candidates
  where exposed = 1
  group by all
)

select * from final
order by item;
