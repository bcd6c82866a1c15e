-- What follows a confirmed order: parcels, cancellations, returns and refunds; and more facts about its money.

-- A final end of its own: the order was taken back, before it was confirmed or after.
alter table orders
    drop constraint orders_end_known,
    add constraint orders_end_known check (end_kind in ('confirmed', 'rejected', 'expired', 'cancelled')),
    -- The sum of what had been asked back, part by part, before the whole was cancelled.
    add column end_refunds_requested bigint
        constraint orders_end_refunds_in_range check (end_refunds_requested between 0 and 99999999),
    add constraint orders_cancelled_whole check (
        (end_refunds_requested is not null) = (end_kind is not distinct from 'cancelled')
    ),
    add column payment_action_required_at timestamptz,
    add column payment_voided_at timestamptz,
    -- Null in an order of the first release: then it was the total.
    add column payment_captured_amount bigint
        constraint orders_captured_in_range check (payment_captured_amount between 0 and 99999999),
    -- What payment was asked to capture before the first parcel left.
    add column capture_amount bigint
        constraint orders_capture_amount_in_range check (capture_amount between 0 and 99999999),
    add column capture_round integer constraint orders_capture_round_positive check (capture_round > 0),
    add column capture_requested_at timestamptz,
    add constraint orders_capture_request_whole check (
        num_nulls(capture_amount, capture_round, capture_requested_at) in (0, 3)
    ),
    -- The last round of which it is known that it failed.
    add column due_round integer constraint orders_due_round_in_range check (due_round >= 0),
    add column due_reason text,
    add column due_at timestamptz,
    add constraint orders_due_whole check (num_nulls(due_round, due_reason, due_at) in (0, 3)),
    -- A list of what the customer's bank disputes, with how far each dispute is.
    add column payment_disputes jsonb;

-- What was asked under which key, for good: a stored answer expires, its effect does not.
create table order_command (
    caller uuid not null,
    operation text not null,
    key text not null,
    request_hash bytea not null,
    order_id uuid not null constraint order_command_order_fkey references orders (id),
    at timestamptz not null,
    constraint order_command_key primary key (caller, operation, key)
);

create table parcel (
    id uuid not null constraint parcel_pkey primary key,
    order_id uuid not null constraint parcel_order_fkey references orders (id),
    state text not null
        constraint parcel_state_known check (state in ('awaiting_capture', 'shipped', 'delivered', 'withdrawn')),
    packed_at timestamptz not null,
    shipped_at timestamptz,
    delivered_at timestamptz,
    withdrawn_at timestamptz,
    constraint parcel_times_fit check (
        (shipped_at is not null) = (state in ('shipped', 'delivered'))
        and (delivered_at is not null) = (state = 'delivered')
        and (withdrawn_at is not null) = (state = 'withdrawn')
    )
);

create index parcel_order_idx on parcel (order_id);

create table parcel_line (
    parcel_id uuid not null constraint parcel_line_parcel_fkey references parcel (id),
    order_id uuid not null,
    product_id uuid not null,
    quantity integer not null constraint parcel_line_quantity_in_range check (quantity between 1 and 100000),
    constraint parcel_line_pkey primary key (parcel_id, product_id),
    constraint parcel_line_product_fkey foreign key (order_id, product_id) references order_line (order_id, product_id)
);

create table cancellation (
    id uuid not null constraint cancellation_pkey primary key,
    order_id uuid not null constraint cancellation_order_fkey references orders (id),
    amount bigint not null constraint cancellation_amount_in_range check (amount between 0 and 99999999),
    cancelled_at timestamptz not null
);

create index cancellation_order_idx on cancellation (order_id);

create table cancellation_line (
    cancellation_id uuid not null constraint cancellation_line_cancellation_fkey references cancellation (id),
    order_id uuid not null,
    product_id uuid not null,
    quantity integer not null constraint cancellation_line_quantity_in_range check (quantity between 1 and 100000),
    constraint cancellation_line_pkey primary key (cancellation_id, product_id),
    constraint cancellation_line_product_fkey foreign key (order_id, product_id) references order_line (order_id, product_id)
);

create table return_request (
    id uuid not null constraint return_request_pkey primary key,
    order_id uuid not null constraint return_request_order_fkey references orders (id),
    requested_at timestamptz not null,
    received_at timestamptz
);

create index return_request_order_idx on return_request (order_id);

create table return_line (
    return_id uuid not null constraint return_line_return_fkey references return_request (id),
    order_id uuid not null,
    product_id uuid not null,
    quantity integer not null constraint return_line_quantity_in_range check (quantity between 1 and 100000),
    constraint return_line_pkey primary key (return_id, product_id),
    constraint return_line_product_fkey foreign key (order_id, product_id) references order_line (order_id, product_id)
);

-- What of a return arrived; a product of which nothing arrived has no row.
create table return_receipt_line (
    return_id uuid not null,
    product_id uuid not null,
    restocked integer not null constraint return_receipt_line_restocked_in_range check (restocked >= 0),
    unusable integer not null constraint return_receipt_line_unusable_in_range check (unusable >= 0),
    constraint return_receipt_line_pkey primary key (return_id, product_id),
    constraint return_receipt_line_some check (restocked + unusable > 0),
    constraint return_receipt_line_line_fkey foreign key (return_id, product_id) references return_line (return_id, product_id)
);

-- What goes back to the customer, once for each cause; and what payment said about it.
create table refund_request (
    order_id uuid not null constraint refund_request_order_fkey references orders (id),
    -- `final_end`, `cancellation:<id>` or `return:<id>`.
    cause text not null,
    amount bigint not null constraint refund_request_amount_in_range check (amount between 0 and 99999999),
    requested_at timestamptz not null,
    state text not null constraint refund_request_state_known check (state in ('requested', 'made', 'failed')),
    made_at timestamptz,
    failed_at timestamptz,
    -- Of the event that said so; a later one counts.
    sequence bigint,
    constraint refund_request_pkey primary key (order_id, cause),
    constraint refund_request_state_fits check (
        (state = 'requested') = (sequence is null) and (failed_at is not null) = (state = 'failed')
        and (state <> 'made' or made_at is not null) and (state <> 'requested' or made_at is null)
    )
);

alter table timeline_entry
    drop constraint timeline_entry_kind_known,
    add constraint timeline_entry_kind_known check (
        kind in ('command', 'heard', 'decided', 'effect', 'receipt', 'refused', 'retried', 'note')
    );

-- What was packed, cancelled, asked for or received is never rewritten; the rest only goes forward.
revoke update, delete on order_command, parcel_line, cancellation, cancellation_line, return_line, return_receipt_line
    from order_app;
revoke delete on parcel, return_request, refund_request from order_app;
