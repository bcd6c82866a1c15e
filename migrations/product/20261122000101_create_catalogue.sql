-- The catalogue and the stock ledger.

create table product (
    id uuid not null constraint product_pkey primary key,
    sku text not null,
    name text not null constraint product_name_length check (char_length(name) between 1 and 200),
    price_amount bigint not null constraint product_price_in_range check (price_amount between 0 and 99999999),
    price_currency text not null constraint product_currency_shape check (price_currency ~ '^[A-Z]{3}$'),
    stock_controlled boolean not null,
    archived_at timestamptz,
    -- Counts the changes; each has one product.changed event.
    version bigint not null constraint product_version_positive check (version > 0),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint product_sku_key unique (sku),
    constraint product_sku_length check (char_length(sku) between 1 and 64)
);

-- One row for each product under stock control. Claims update it all day, so pages keep room for new versions.
create table stock (
    product_id uuid not null constraint stock_pkey primary key
        constraint stock_product_fkey references product (id),
    on_hand bigint not null constraint stock_on_hand_in_range check (on_hand between 0 and 1000000000),
    reserved bigint not null constraint stock_reserved_not_negative check (reserved >= 0),
    allocated bigint not null constraint stock_allocated_not_negative check (allocated >= 0),
    constraint stock_available_not_negative check (on_hand - reserved - allocated >= 0)
) with (fillfactor = 70);

-- The ledger: nothing else changes stock, and a line never changes. Its sums are the stock row.
-- The id is a counter drawn under the lock of the stock row: for each product it is the order of the changes.
create table movement (
    id bigint not null generated always as identity constraint movement_pkey primary key,
    product_id uuid not null constraint movement_stock_fkey references stock (product_id),
    kind text not null,
    on_hand_delta bigint not null,
    reserved_delta bigint not null,
    allocated_delta bigint not null,
    order_id uuid,
    -- What staff say of a receipt or an adjustment.
    reason text,
    at timestamptz not null,
    constraint movement_kind_known check (
        kind in ('received', 'adjusted', 'reserved', 'allocated', 'released', 'shipped')
    ),
    constraint movement_deltas_fit_kind check (
        case kind
            when 'received' then on_hand_delta > 0 and reserved_delta = 0 and allocated_delta = 0
            when 'adjusted' then on_hand_delta <> 0 and reserved_delta = 0 and allocated_delta = 0
            when 'reserved' then on_hand_delta = 0 and reserved_delta > 0 and allocated_delta = 0
            when 'allocated' then on_hand_delta = 0 and reserved_delta < 0 and allocated_delta = -reserved_delta
            when 'released' then on_hand_delta = 0 and least(reserved_delta, allocated_delta) < 0
                and greatest(reserved_delta, allocated_delta) = 0
            when 'shipped' then on_hand_delta < 0 and reserved_delta = 0 and allocated_delta = on_hand_delta
        end
    ),
    constraint movement_cause_fits_kind check (
        case when kind in ('received', 'adjusted') then order_id is null and reason is not null
        else order_id is not null end
    )
);

create index movement_product_idx on movement (product_id, id);
-- The natural key of a reservation's effects: an order's demand is reserved once and allocated once, for good.
create unique index movement_order_key on movement (order_id, product_id, kind)
    where kind in ('reserved', 'allocated');

revoke update, delete, truncate on movement from product_app;
