-- Grain: one version of an item.  Key: item, valid_from.  Attributes as places among known values
-- (1 = first), 0 for none or another one; as codes among all texts of the table in sorted order, −1 for none.
-- Parameters: $categories, $brands, $creators (known values).  Privacy: none.
select
  enum_code(item_id::item_code)::integer as item,
  valid_from::double as valid_from,
  coalesce(list_position($categories, category), 0)::integer as category,
  coalesce(list_position($brands, brand), 0)::integer as brand,
  coalesce(list_position($creators, creator), 0)::integer as creator,
  known(duration_ms) as duration_ms,
  known(price_level) as price_level,
  case when category is null then -1 else dense_rank() over (order by category nulls last) - 1 end::integer as category_code,
  case when brand is null then -1 else dense_rank() over (order by brand nulls last) - 1 end::integer as brand_code,
  case when creator is null then -1 else dense_rank() over (order by creator nulls last) - 1 end::integer as creator_code
from items
order by item, valid_from;
