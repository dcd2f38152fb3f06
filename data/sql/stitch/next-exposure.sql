-- Grain: one exposure of a user who made a decision.  Key: user_key, place (1 = first to start).
-- `orders`, `clicks`: how many of the exposures up to this one were ordered, clicked.
-- Parameters: none.  Privacy: pseudonymous.
with
exposures as (select * from exposure),
users as (select distinct user_key from decision),

final as (
  select
    user_key, started,
    row_number() over in_order::integer as place,
    sum(coalesce(label_order, 0)) over (in_order rows unbounded preceding)::integer as orders,
    sum(coalesce(label_click, 0)) over (in_order rows unbounded preceding)::integer as clicks
  from exposures
  semi join users using (user_key)
  window in_order as (partition by user_key order by started, event_id)
)

select * from final;
