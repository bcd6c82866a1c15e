-- What is known of each order, and what is held for it.

-- One row for each order, made by whichever event comes first; its state follows from the facts heard so far.
create table reservation (
    order_id uuid not null constraint reservation_pkey primary key,
    state text not null,
    -- While an end is waited for.
    deadline timestamptz,
    -- When reservation.overdue was last said.
    reported_at timestamptz,
    refusal jsonb,
    final_end text constraint reservation_final_end_known check (final_end in ('rejected', 'expired')),
    heard_at timestamptz not null,
    changed_at timestamptz not null,
    constraint reservation_state_known check (
        state in ('unheard', 'awaited', 'refused', 'reserved', 'allocated', 'ended')
    ),
    constraint reservation_deadline_fits_state check ((deadline is not null) = (state in ('refused', 'reserved'))),
    constraint reservation_reported_fits_state check (reported_at is null or deadline is not null),
    constraint reservation_refusal_fits_state check ((refusal is not null) = (state = 'refused')),
    constraint reservation_end_fits_state check ((final_end is not null) = (state = 'ended'))
);

-- What the overdue job looks through.
create index reservation_waiting_idx on reservation (deadline) where deadline is not null;

-- What was claimed for the order, one row for each product under stock control; open while the state says so.
create table reservation_line (
    order_id uuid not null constraint reservation_line_order_fkey references reservation (order_id),
    product_id uuid not null constraint reservation_line_stock_fkey references stock (product_id),
    quantity bigint not null constraint reservation_line_quantity_positive check (quantity > 0),
    constraint reservation_line_pkey primary key (order_id, product_id)
);
