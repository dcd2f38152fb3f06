-- Grain: one value of a text feature in the training dates.  Key: family, feature, value.
-- Parameters: none.  Privacy: none.
with
reranks as (select * from train_rerank where part = 0),
decisions as (select * from train_decision),

long as (
  select 'exposure' as family, 'delete_reason' as feature, unnest(exp_delete_reason) as value from reranks
  union all
  select 'page_view', 'source', unnest(pv_source) from reranks
  union all
  select 'context', 'scene', scene from reranks
  union all
  select 'context', 'trigger', trigger from reranks
  union all
  select 'decision_context', 'scene', scene from decisions
),

final as (
  select family, feature, value, count(*) as n
  from long
  where value is not null
  group by all
)

select * from final
order by family, feature, n desc, value;
