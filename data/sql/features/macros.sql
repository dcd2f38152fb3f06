-- Small expressions that the statements of features share.
-- Unknown numbers are NaN, which typed arrays can hold.
create or replace temp macro known(x) as coalesce(x::double, 'nan'::double);
create or replace temp macro known_each(items) as
  list_transform(coalesce(items, []), lambda x: coalesce(x::double, 'nan'::double));

-- What numeric-statistics.sql tells of one column, over the rows that know it.
create or replace temp macro statistic(feature, x) as {
  'feature': feature, 'n': count(x), 'lowest': min(x),
  'grid': quantile_disc(x, getvariable('quantiles'))
};

-- Ids as places in the catalogue, −1 for null.
create or replace temp macro code_each(items) as
  list_transform(try_cast(coalesce(items, []) as item_code[]), lambda c: coalesce(enum_code(c)::integer, -1));
