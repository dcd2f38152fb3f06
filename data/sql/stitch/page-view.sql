-- Grain: one page view.  Key: event_id.
-- `bought_ts`: the first order of the item by the user at or after the view began.
-- Parameters: $named_blocks (page blocks that the whole log names at least once; null for none).
-- Privacy: user_key is pseudonymous, device_id and session_id personal.
with
page_views as (select * from lake_page_view),
orders as (select distinct user_key, item_id, ts from lake_order),

final as (
  select
    v.event_id, v.user_key, coalesce(v.device_id, '') as device, v.session_id, v.date,
    v.item_id, v.source, v.started, v.ended, o.ts as bought_ts,
    coalesce(v.received_ts, v.ts) as heard_ts,
    block_clicks(v.actions, 'cart', $named_blocks::varchar[]) as cart,
    block_clicks(v.actions, 'buy', $named_blocks::varchar[]) as buy,
    block_clicks(v.actions, 'favorite', $named_blocks::varchar[]) as favorite,
    block_clicks(v.actions, 'comment', $named_blocks::varchar[]) as comment,
    block_clicks(v.actions, 'sku', $named_blocks::varchar[]) as sku,
    block_clicks(v.actions, 'ask', $named_blocks::varchar[]) as ask,
    block_clicks(v.actions, 'service', $named_blocks::varchar[]) as service,
    block_clicks(v.actions, 'detail', $named_blocks::varchar[]) as detail,
    block_clicks(v.actions, 'shop', $named_blocks::varchar[]) as shop,
    block_clicks(v.actions, 'recommendation', $named_blocks::varchar[]) as recommendation
  from page_views v
  asof left join orders o
    on v.user_key = o.user_key and v.item_id = o.item_id and v.started <= o.ts
)

select *, row_number() over (order by user_key, started, event_id)::integer as event_no
from final;
