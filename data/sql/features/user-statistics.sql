-- Grain: a business day and a user of whom the cloud heard before it.  Key: date, user_key.
-- Parameters: $dates (list of dates), $days (length of the window that ends the day before), $min_exposures
-- (a user with fewer has no cohort). Reads cohort_day: the inner edges of the cohorts of each date.
-- Privacy: user_key is a pseudonymous key. Only whole days before `date` count, by the day of receipt.
with
moments as (
  select distinct unnest($dates::date[]) as date
),

totals as (
  select m.date, d.user_key, sum(d.clicks)::integer as clicks, sum(d.exposures)::integer as exposures
  from moments m join user_day d on d.date < m.date
  group by all
),

recent as (
  select
    m.date, d.user_key, d.page_views,
    date_diff('day', m.date, d.date) + $days::integer as day,
    d.clicks / nullif(d.exposures, 0) as rate
  from moments m join user_day d on d.date < m.date and d.date >= m.date - $days::integer
),

-- A spread and a line need two days: of one there is no telling how steady a user is.
stability as (
  select
    date, user_key,
    avg(rate) as click_rate_mean,
    if(count(rate) > 1, var_pop(rate), null) as click_rate_variance,
    if(count(rate) > 1, regr_slope(rate, day), null) as click_rate_trend,
    avg(page_views) as page_views_mean,
    if(count(*) > 1, var_pop(page_views), null) as page_views_variance,
    if(count(*) > 1, regr_slope(page_views, day), null) as page_views_trend,
    count(*) / $days::integer as active_days
  from recent group by all
),

placed as (
  select
    date, user_key, day,
    len(list_filter(edges, lambda e: e <= rate)) as cohort
  from recent join cohort_day using (date) where rate is not null
),
neighbours as (
  select date, user_key, cohort, lag(cohort) over (partition by date, user_key order by day) as former
  from placed
),
changes as (
  select date, user_key, avg((cohort <> former)::integer) as cohort_changes
  from neighbours where former is not null group by all
),

final as (
  select
    date, user_key,
    case when exposures >= $min_exposures::integer
      then len(list_filter(edges, lambda e: e <= clicks / exposures)) end::integer as cohort,
    clicks, exposures,
    click_rate_mean, click_rate_variance, click_rate_trend,
    page_views_mean, page_views_variance, page_views_trend,
    coalesce(active_days, 0) as active_days,
    cohort_changes
  from totals
    left join cohort_day using (date)
    left join stability using (date, user_key)
    left join changes using (date, user_key)
)

select * from final order by date, user_key;
