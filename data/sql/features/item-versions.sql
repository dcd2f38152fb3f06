-- Grain: one version of an item.  Key: item, valid_from.  Attributes as places among known values
-- (1 = first), 0 for none or another one.
-- Parameters: $categories, $brands, $creators (known values).  Privacy: none.
select
  enum_code(item_id::item_code)::integer as item,
  valid_from::double as valid_from,
  coalesce(list_position($categories, category), 0)::integer as category,
  coalesce(list_position($brands, brand), 0)::integer as brand,
  coalesce(list_position($creators, creator), 0)::integer as creator,
  known(duration_ms) as duration_ms,
  known(price_level) as price_level
from items
order by item, valid_from;
