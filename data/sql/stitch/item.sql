-- Grain: one version of an item.  Key: item_id, valid_from.
-- An item that events name but the table does not know has one version without attributes. The
-- first by content of several rows with one key and time stands.
-- Parameters: none.  Privacy: none.
with
known as (select * from lake_items),
history as (select * from lake_history),

seen as (
  select item_id from seen_item_all
  union
  select unnest(item_ids) from history
),

versions as (
  select * from known
  qualify row_number() over (
    partition by item_id, valid_from
    order by category, brand, creator, kind, price_level, duration_ms) = 1
),

final as (
  select item_id, valid_from, category, brand, creator, kind, price_level, duration_ms from versions
  union all
  select item_id, 0, null, null, null, null, null, null from seen anti join versions using (item_id)
)

select * from final
order by item_id, valid_from;
