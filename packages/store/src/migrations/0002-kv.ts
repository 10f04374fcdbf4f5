import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * `ctx.kv` where no Valkey is configured. Names of keys and fields compare by their bytes.
 *
 * Each command is one call of one function below: its statements see what committed before them, so that a command
 * that waited for the lock of its function (`kv_sizes`) works on what the one before it left. Errors carry a
 * SQLSTATE of their own: KV001 another kind of value, KV002 no integer, KV003 beyond the quota.
 */
const STATEMENTS: readonly string[] = [
  `create table kv_sizes (
    org text not null,
    function text not null,
    bytes bigint not null default 0,
    primary key (org, function)
  )`,
  `create table kv_keys (
    org text not null,
    function text not null,
    key text collate "C" not null,
    kind text not null check (kind in ('string', 'hash', 'list')),
    value bytea,
    bytes bigint not null default 0,
    expires_at timestamptz,
    primary key (org, function, key)
  )`,
  `create index kv_keys_expires_at on kv_keys (expires_at) where expires_at is not null`,
  `create table kv_fields (
    org text not null,
    function text not null,
    key text collate "C" not null,
    field text collate "C" not null,
    value bytea not null,
    primary key (org, function, key, field),
    foreign key (org, function, key) references kv_keys (org, function, key) on delete cascade
  )`,
  `create table kv_items (
    org text not null,
    function text not null,
    key text collate "C" not null,
    position bigint not null,
    value bytea not null,
    primary key (org, function, key, position),
    foreign key (org, function, key) references kv_keys (org, function, key) on delete cascade
  )`,

  // Removes one key whatever it holds, and takes its bytes off; whether it was there and had not expired.
  `create function kv_remove(p_org text, p_fn text, p_key text) returns boolean language plpgsql as $$
  declare
    gone kv_keys%rowtype;
  begin
    delete from kv_keys where org = p_org and function = p_fn and key = p_key returning * into gone;
    if not found then return false; end if;
    update kv_sizes set bytes = bytes - gone.bytes where org = p_org and function = p_fn;
    return gone.expires_at is null or gone.expires_at > clock_timestamp();
  end $$`,

  // Waits for its turn among the writers of one function; then the live key of the wanted kind, if there is one.
  `create function kv_open(p_org text, p_fn text, p_key text, p_kind text) returns kv_keys language plpgsql as $$
  declare
    present kv_keys%rowtype;
  begin
    insert into kv_sizes (org, function) values (p_org, p_fn) on conflict do nothing;
    perform from kv_sizes where org = p_org and function = p_fn for update;
    select * into present from kv_keys where org = p_org and function = p_fn and key = p_key;
    if not found then return null; end if;
    if present.expires_at <= clock_timestamp() then
      perform kv_remove(p_org, p_fn, p_key);
      return null;
    end if;
    if p_kind is not null and present.kind <> p_kind then
      raise exception 'the key holds a %', present.kind using errcode = 'KV001';
    end if;
    return present;
  end $$`,

  // Books bytes that a key gained or lost. Where the quota is used up, keys whose time is up make room first.
  `create function kv_grow(p_org text, p_fn text, p_key text, p_bytes bigint, p_quota bigint)
  returns void language plpgsql as $$
  declare
    total bigint;
  begin
    update kv_keys set bytes = bytes + p_bytes where org = p_org and function = p_fn and key = p_key;
    update kv_sizes set bytes = bytes + p_bytes where org = p_org and function = p_fn returning bytes into total;
    if p_bytes <= 0 or total <= p_quota then return; end if;
    perform kv_remove(p_org, p_fn, key) from kv_keys
      where org = p_org and function = p_fn and expires_at <= clock_timestamp();
    select bytes into total from kv_sizes where org = p_org and function = p_fn;
    if total > p_quota then
      raise exception 'the quota of % bytes is used up', p_quota using errcode = 'KV003';
    end if;
  end $$`,

  // What an entry takes besides its bytes: rows and their index entries.
  `create function kv_overhead() returns integer language sql immutable as 'select 64'`,

  `create function kv_set(
    p_org text, p_fn text, p_key text, p_value bytea, p_ttl_ms double precision, p_when text, p_quota bigint
  ) returns boolean language plpgsql as $$
  declare
    present kv_keys := kv_open(p_org, p_fn, p_key, null);
  begin
    if (p_when = 'absent' and present.key is not null) or (p_when = 'present' and present.key is null) then
      return false;
    end if;
    perform kv_remove(p_org, p_fn, p_key);
    insert into kv_keys (org, function, key, kind, value, expires_at) values (
      p_org, p_fn, p_key, 'string', p_value, clock_timestamp() + p_ttl_ms * interval '1 millisecond'
    );
    perform kv_grow(p_org, p_fn, p_key, octet_length(p_key) + octet_length(p_value) + kv_overhead(), p_quota);
    return true;
  end $$`,

  `create function kv_delete(p_org text, p_fn text, p_keys text[]) returns integer language plpgsql as $$
  declare
    each_key text;
    gone integer := 0;
  begin
    perform kv_open(p_org, p_fn, '', null);
    foreach each_key in array p_keys loop
      gone := gone + kv_remove(p_org, p_fn, each_key)::integer;
    end loop;
    return gone;
  end $$`,

  `create function kv_increment(p_org text, p_fn text, p_key text, p_by bigint, p_quota bigint)
  returns bigint language plpgsql as $$
  declare
    present kv_keys := kv_open(p_org, p_fn, p_key, 'string');
    written text := coalesce(encode(present.value, 'escape'), '0');
    total numeric;
  begin
    if length(written) > 20 or written !~ '^(0|-?[1-9][0-9]*)$' then
      raise exception 'the value is no integer' using errcode = 'KV002';
    end if;
    total := written::numeric + p_by;
    if abs(total) > 9007199254740991 then
      raise exception 'the integer would be beyond 2^53 - 1' using errcode = 'KV002';
    end if;
    if present.key is null then
      perform kv_set(p_org, p_fn, p_key, convert_to(total::text, 'UTF8'), null, null, p_quota);
    else
      update kv_keys set value = convert_to(total::text, 'UTF8')
        where org = p_org and function = p_fn and key = p_key;
      perform kv_grow(p_org, p_fn, p_key, length(total::text) - length(written), p_quota);
    end if;
    return total::bigint;
  end $$`,

  `create function kv_expire(p_org text, p_fn text, p_key text, p_ttl_ms double precision)
  returns boolean language plpgsql as $$
  declare
    present kv_keys := kv_open(p_org, p_fn, p_key, null);
  begin
    if present.key is null then return false; end if;
    if p_ttl_ms <= 0 then return kv_remove(p_org, p_fn, p_key); end if;
    update kv_keys set expires_at = clock_timestamp() + p_ttl_ms * interval '1 millisecond'
      where org = p_org and function = p_fn and key = p_key;
    return true;
  end $$`,

  // The key of a hash or a list, made where it is absent.
  `create function kv_hold(p_org text, p_fn text, p_key text, p_kind text, p_quota bigint)
  returns void language plpgsql as $$
  declare
    present kv_keys := kv_open(p_org, p_fn, p_key, p_kind);
  begin
    if present.key is not null then return; end if;
    insert into kv_keys (org, function, key, kind) values (p_org, p_fn, p_key, p_kind);
    perform kv_grow(p_org, p_fn, p_key, octet_length(p_key) + kv_overhead(), p_quota);
  end $$`,

  `create function kv_hash_set(
    p_org text, p_fn text, p_key text, p_fields text[], p_values bytea[], p_quota bigint
  ) returns integer language plpgsql as $$
  declare
    before bigint;
    after bigint;
    had integer;
  begin
    perform kv_hold(p_org, p_fn, p_key, 'hash', p_quota);
    select coalesce(sum(octet_length(field) + octet_length(value) + kv_overhead()), 0), count(*) into before, had
      from kv_fields where org = p_org and function = p_fn and key = p_key and field = any (p_fields);
    insert into kv_fields (org, function, key, field, value)
      select p_org, p_fn, p_key, given.field, given.value from unnest(p_fields, p_values) as given (field, value)
      on conflict (org, function, key, field) do update set value = excluded.value;
    select sum(octet_length(given.field) + octet_length(given.value) + kv_overhead()) into after
      from unnest(p_fields, p_values) as given (field, value);
    perform kv_grow(p_org, p_fn, p_key, after - before, p_quota);
    return cardinality(p_fields) - had;
  end $$`,

  `create function kv_hash_delete(p_org text, p_fn text, p_key text, p_fields text[])
  returns integer language plpgsql as $$
  declare
    present kv_keys := kv_open(p_org, p_fn, p_key, 'hash');
    gone integer;
    freed bigint;
  begin
    if present.key is null then return 0; end if;
    with removed as (
      delete from kv_fields where org = p_org and function = p_fn and key = p_key and field = any (p_fields)
      returning octet_length(field) + octet_length(value) + kv_overhead() as bytes
    )
    select count(*), coalesce(sum(bytes), 0) into gone, freed from removed;
    perform kv_grow(p_org, p_fn, p_key, -freed, 0);
    if not exists (select from kv_fields where org = p_org and function = p_fn and key = p_key) then
      perform kv_remove(p_org, p_fn, p_key);
    end if;
    return gone;
  end $$`,

  // Values are given in the order in which they are pushed; positions fall to the left and rise to the right, without
  // gaps, since values come and go at the ends alone.
  `create function kv_push(
    p_org text, p_fn text, p_key text, p_values bytea[], p_left boolean, p_quota bigint
  ) returns bigint language plpgsql as $$
  declare
    outermost bigint;
    added bigint;
    step integer := case when p_left then -1 else 1 end;
  begin
    perform kv_hold(p_org, p_fn, p_key, 'list', p_quota);
    select case when p_left then min(position) else max(position) end into outermost
      from kv_items where org = p_org and function = p_fn and key = p_key;
    insert into kv_items (org, function, key, position, value)
      select p_org, p_fn, p_key, coalesce(outermost, 0) + step * given.n, given.value
      from unnest(p_values) with ordinality as given (value, n);
    select sum(octet_length(given) + kv_overhead()) into added from unnest(p_values) as given;
    perform kv_grow(p_org, p_fn, p_key, added, p_quota);
    return (
      select max(position) - min(position) + 1 from kv_items where org = p_org and function = p_fn and key = p_key
    );
  end $$`,

  `create function kv_pop(p_org text, p_fn text, p_key text, p_left boolean) returns bytea language plpgsql as $$
  declare
    present kv_keys := kv_open(p_org, p_fn, p_key, 'list');
    outermost bigint;
    gone bytea;
  begin
    if present.key is null then return null; end if;
    select case when p_left then min(position) else max(position) end into outermost
      from kv_items where org = p_org and function = p_fn and key = p_key;
    delete from kv_items where org = p_org and function = p_fn and key = p_key and position = outermost
      returning value into gone;
    perform kv_grow(p_org, p_fn, p_key, -(octet_length(gone) + kv_overhead()), 0);
    if not exists (select from kv_items where org = p_org and function = p_fn and key = p_key) then
      perform kv_remove(p_org, p_fn, p_key);
    end if;
    return gone;
  end $$`,

  // Up to p_limit keys that expired; how many went. Keys of a function that is busy wait for the next time.
  `create function kv_sweep(p_limit integer) returns integer language plpgsql as $$
  declare
    old record;
    gone integer := 0;
  begin
    for old in
      select org, function, key from kv_keys where expires_at <= clock_timestamp() order by expires_at limit p_limit
    loop
      perform from kv_sizes where org = old.org and function = old.function for update skip locked;
      continue when not found;
      perform from kv_keys where org = old.org and function = old.function and key = old.key
        and expires_at <= clock_timestamp();
      continue when not found;
      perform kv_remove(old.org, old.function, old.key);
      gone := gone + 1;
    end loop;
    return gone;
  end $$`,
];

export const kv: Migration = {
  async up(db: Kysely<never>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
