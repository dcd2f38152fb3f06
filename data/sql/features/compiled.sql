-- What compiled features call.
-- FNV-1a, 32 bits, over the UTF-8 bytes of a text.
create or replace temp macro fnv1a32(text) as list_reduce(
  list_prepend(
    2166136261::ubigint,
    list_transform(regexp_extract_all(hex(text), '..'), lambda b: ('0x' || b)::ubigint)
  ),
  lambda h, b: xor(h, b) * 16777619 % 4294967296
);
