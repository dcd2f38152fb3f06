-- Grain: one block of $block consecutive page views of a lane.  Key: lane, block (0 = oldest).
-- The last K behaviours before any moment lie in at most two neighbouring blocks, so a user with n
-- behaviours costs n, not n times the number of decisions.
-- Sorted as lists whose first field is the place: an ordered aggregate holds several times as much.
-- Parameters: $block (at least every number wanted).  Privacy: pseudonymous.
with
entries as (select * from page_view_entry),
bodies as (select * from page_view),
lanes as (select distinct lane from moment where wanted_page_views > 0),

final as (
  select
    e.lane,
    (e.place - 1) // $block::integer as block,
    list_sort(list({
      'place': e.place, 'item_id': b.item_id, 'started': b.started, 'ended': b.ended, 'source': b.source,
      'bought_ts': b.bought_ts, 'cart': b.cart, 'buy': b.buy, 'favorite': b.favorite,
      'comment': b.comment, 'sku': b.sku, 'ask': b.ask, 'service': b.service,
      'detail': b.detail, 'shop': b.shop, 'recommendation': b.recommendation
    })) as entries
  from entries e
  join lanes l on l.lane = e.lane
  join bodies b on b.event_no = e.event_no
  group by all
)

select * from final;
