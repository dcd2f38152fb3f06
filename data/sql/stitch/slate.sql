-- Grain: one slate decision, that is a request or a rerank of it.  Key: sample_id (the event's id).
-- Candidates stand in the order that the decision found: the cloud's order for a request, the
-- order before for a rerank. Where the source has no positions they stand in item order, so that
-- the order of the list says nothing. A repeated candidate counts once, at its first place.
-- Parameters: none.  Privacy: user_key is pseudonymous, device_id and session_id personal.
with
requests as (select * from lake_request),
reranks as (select * from lake_rerank),

sorted_requests as (
  select
    * exclude (candidates),
    list_sort(list_transform(candidates, lambda c, i: {
      'place': coalesce(c.position, 2147483647),
      'name': case when c.position is null then c.item_id else '' end,
      'i': i,
      'item_id': c.item_id,
      'position': c.position,
      'score': base_score(c.scores)
    })) as sorted
  from requests
),

pages as (
  select
    * exclude (sorted),
    len(sorted) as listed,
    first_of_each(sorted, list_transform(sorted, lambda c: c.item_id)) as entries
  from sorted_requests
),

-- The page that a rerank reorders: the last call with its request id.
page_at as (
  select user_key, request_id, ts, max_by(event_id, event_id) as event_id
  from pages
  where request_id is not null
  group by all
),

request_slates as (
  select
    event_id as sample_id, 'request' as kind, user_key, device_id, session_id, date,
    ts as decision_ts, request_id, scene, page_no, trigger, listed,
    list_transform(entries, lambda c: c.item_id) as cand_item,
    list_transform(entries, lambda c: c.position) as cand_position,
    list_transform(entries, lambda c: c.score) as cand_score
  from pages
),

rerank_pages as (
  select r.*, p.event_id as page_id
  from reranks r
  asof left join page_at p
    on r.user_key = p.user_key and r.request_id = p.request_id and r.ts >= p.ts
),

rerank_orders as (
  select
    r.* exclude (order_before),
    len(r.order_before) as listed,
    first_of_each(r.order_before, r.order_before) as items,
    p.scene, p.page_no, p.cand_item as page_items, p.cand_score as page_scores
  from rerank_pages r
  left join request_slates p on p.sample_id = r.page_id
),

rerank_slates as (
  select
    event_id as sample_id, 'rerank' as kind, user_key, device_id, session_id, date,
    ts as decision_ts, request_id, scene, page_no, trigger, listed,
    items as cand_item,
    list_transform(items, lambda item, i: (i - 1)::integer) as cand_position,
    list_transform(items, lambda item: page_scores[list_position(page_items, item)]) as cand_score
  from rerank_orders
),

final as (
  select * from request_slates
  union all
  select * from rerank_slates
)

select * from final;
