-- Grain: one item that an event of the bucket names.  Key: item_id.
-- Parameters: none.  Privacy: none.
select distinct item_id
from (
  select unnest(cand_item) as item_id from slate
  union all
  select item_id from exposure
  union all
  select item_id from page_view
  union all
  select unnest(unexposed) from decision
)
order by item_id;
