-- The card processor's own list as it was last seen, and where it does not agree with ours.
create table provider_charge (
    intent_id text not null constraint provider_charge_pkey primary key
        constraint provider_charge_intent_id_length check (length(intent_id) between 1 and 255),
    order_id uuid,
    status text not null,
    captured bigint not null,
    refunded bigint not null,
    currency text not null,
    made_at timestamptz not null,
    seen_at timestamptz not null
);

create index provider_charge_order_idx on provider_charge (order_id);

create table provider_refund (
    refund_id text not null constraint provider_refund_pkey primary key
        constraint provider_refund_id_length check (length(refund_id) between 1 and 255),
    intent_id text not null,
    amount bigint not null,
    status text not null,
    seen_at timestamptz not null
);

create index provider_refund_intent_idx on provider_refund (intent_id);

create table discrepancy (
    id uuid not null constraint discrepancy_pkey primary key,
    kind text not null constraint discrepancy_kind_known check (kind in (
        'unknown_charge', 'status_differs', 'amount_differs', 'second_charge', 'stray_intent', 'missing',
        'refunds_differ')),
    order_id uuid,
    intent_id text not null,
    detail text not null,
    first_seen timestamptz not null,
    resolved_at timestamptz
);

-- One of a kind is open for an intent.
create unique index discrepancy_open_key on discrepancy (intent_id, kind) where resolved_at is null;
create index discrepancy_open_idx on discrepancy (id) where resolved_at is null;

-- The one comparison: by whom it is being made, and how the last one went.
create table comparison (
    only_one boolean not null default true constraint comparison_pkey primary key
        constraint comparison_only_one check (only_one),
    leased_until timestamptz,
    lease uuid,
    -- When the last one that came to its end began.
    compared_at timestamptz
);

insert into comparison default values;
