-- Grain: one numeric feature that is known somewhere in the training dates.  Key: family, feature.
-- `grid`: its values at the given quantiles. Samples are thinned by the hash of their id, so that the
-- values fit in memory; the choice depends on nothing else.
-- Parameters: $every (keep one sample in so many), $quantiles (ascending list).  Privacy: none.
with
reranks as (select * from train_rerank where part = 0 and hash(sample_id) % $every = 0),
decisions as (select * from train_decision where hash(sample_id) % $every = 0),

exposures as (
  select
    unnest(exp_duration_ms)::double as duration_ms,
    unnest(exp_count)::double as count,
    unnest(exp_scroll_speed)::double as scroll_speed,
    unnest(exp_scroll_duration_ms)::double as scroll_duration_ms,
    unnest(exp_scroll_count)::double as scroll_count,
    unnest(list_transform(exp_ended, lambda e: decision_ts - e))::double as decay
  from reranks
),

page_views as (
  select
    unnest(pv_duration_ms)::double as duration_ms,
    unnest(pv_cart)::double as cart,
    unnest(pv_buy)::double as buy,
    unnest(pv_favorite)::double as favorite,
    unnest(pv_comment)::double as comment,
    unnest(pv_sku)::double as sku,
    unnest(pv_ask)::double as ask,
    unnest(pv_service)::double as service,
    unnest(pv_detail)::double as detail,
    unnest(pv_shop)::double as shop,
    unnest(pv_recommendation)::double as recommendation,
    unnest(pv_bought)::double as bought,
    unnest(list_transform(pv_ended, lambda e: decision_ts - e))::double as decay
  from reranks
),

contexts as (
  select
    session_exposures::double as session_exposures,
    session_clicks::double as session_clicks,
    page_no::double as page_no
  from reranks
),

decision_contexts as (
  select
    session_exposures::double as session_exposures,
    session_clicks::double as session_clicks,
    page_no::double as page_no,
    depth::double as depth,
    unexposed_count::double as unexposed_count
  from decisions
),

-- One aggregate a column: a table of all values by name would be sorted and hashed as a whole.
long as (
  select 'exposure' as family, unnest([
    statistic('duration_ms', duration_ms),
    statistic('count', count),
    statistic('scroll_speed', scroll_speed),
    statistic('scroll_duration_ms', scroll_duration_ms),
    statistic('scroll_count', scroll_count),
    statistic('decay', decay)
  ]) as statistic
  from exposures
  union all
  select 'page_view' as family, unnest([
    statistic('duration_ms', duration_ms),
    statistic('cart', cart),
    statistic('buy', buy),
    statistic('favorite', favorite),
    statistic('comment', comment),
    statistic('sku', sku),
    statistic('ask', ask),
    statistic('service', service),
    statistic('detail', detail),
    statistic('shop', shop),
    statistic('recommendation', recommendation),
    statistic('bought', bought),
    statistic('decay', decay)
  ]) as statistic
  from page_views
  union all
  select 'context' as family, unnest([
    statistic('session_exposures', session_exposures),
    statistic('session_clicks', session_clicks),
    statistic('page_no', page_no)
  ]) as statistic
  from contexts
  union all
  select 'decision_context' as family, unnest([
    statistic('session_exposures', session_exposures),
    statistic('session_clicks', session_clicks),
    statistic('page_no', page_no),
    statistic('depth', depth),
    statistic('unexposed_count', unexposed_count)
  ]) as statistic
  from decision_contexts
),

final as (
  select
    family, statistic.feature as feature, statistic.n as n, statistic.lowest as lowest,
    statistic.grid as grid
  from long
  where statistic.n > 0
)

select * from final
order by family, feature;
