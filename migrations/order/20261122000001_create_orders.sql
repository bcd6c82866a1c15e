-- Orders, their lines, what happened to them, and the read model of products.

create table orders (
    id uuid not null constraint orders_pkey primary key,
    number text not null constraint orders_number_key unique,
    customer_id uuid not null,
    payment_method_id uuid not null,
    -- One order per caller and key, for good.
    idempotency_key text not null,
    request_hash bytea not null,
    currency text not null,
    total bigint not null constraint orders_total_in_range check (total between 0 and 99999999),
    delivery_address jsonb not null,
    reference text,
    placed_at timestamptz not null,
    -- Terms: fixed when the order is placed.
    charge_by timestamptz not null,
    deadline timestamptz not null,
    capture text not null constraint orders_capture_known check (capture in ('at_once', 'before_shipping')),
    return_window_days integer not null,
    configuration_version bigint not null,
    -- Facts: each is set once, in whatever order they are heard.
    stock_reserved_at timestamptz,
    stock_refusal jsonb,
    payment_authorised_at timestamptz,
    payment_captured_at timestamptz,
    payment_refunded_at timestamptz,
    payment_refusal jsonb,
    -- The end, decided here and nowhere else.
    end_kind text constraint orders_end_known check (end_kind in ('confirmed', 'rejected', 'expired')),
    end_refusal jsonb,
    ended_at timestamptz,
    version bigint not null default 1,
    constraint orders_idempotency_key unique (customer_id, idempotency_key),
    constraint orders_terms_ordered check (placed_at < charge_by and charge_by < deadline),
    constraint orders_end_whole check (
        (end_kind is null) = (ended_at is null) and (end_refusal is not null) = (end_kind is not distinct from 'rejected')
    )
);

create index orders_customer_idx on orders (customer_id, placed_at desc, id desc);
create index orders_placed_idx on orders (placed_at desc, id desc);
create index orders_open_idx on orders (deadline) where end_kind is null;

create table order_line (
    order_id uuid not null constraint order_line_order_fkey references orders (id),
    position integer not null,
    product_id uuid not null,
    sku text not null,
    name text not null,
    quantity integer not null constraint order_line_quantity_in_range check (quantity between 1 and 100000),
    unit_price bigint not null constraint order_line_price_in_range check (unit_price between 0 and 99999999),
    constraint order_line_pkey primary key (order_id, position),
    constraint order_line_product_key unique (order_id, product_id)
);

-- What happened to an order: commands, events heard, decisions taken.
create table timeline_entry (
    id bigint generated always as identity constraint timeline_entry_pkey primary key,
    order_id uuid not null constraint timeline_entry_order_fkey references orders (id),
    at timestamptz not null,
    kind text not null constraint timeline_entry_kind_known check (kind in ('command', 'heard', 'decided')),
    name text not null,
    -- The customer's or a service's id.
    who text not null,
    cause text,
    trace_id text,
    detail jsonb not null
);

create index timeline_entry_order_idx on timeline_entry (order_id, id);

-- What product has told about its products, by the sequence of its events.
create table known_product (
    product_id uuid not null constraint known_product_pkey primary key,
    sku text not null,
    name text not null,
    price bigint not null,
    currency text not null,
    stock_controlled boolean not null,
    archived boolean not null,
    sequence bigint not null
);

-- What an order was placed with, and what was said of it, is never rewritten.
revoke update, delete on order_line, timeline_entry from order_app;
revoke delete on orders from order_app;
