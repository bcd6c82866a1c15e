-- Customers whose accounts were deleted: payments stay, their ways to pay go.

create table forgotten_customer (
    customer_id uuid not null constraint forgotten_customer_pkey primary key,
    at timestamptz not null,
    -- When nothing was left to forget, and nothing could come any more.
    done_at timestamptz
);

create index forgotten_customer_open_idx on forgotten_customer (customer_id) where done_at is null;

-- Then the provider's token is gone, and nothing can be paid with it.
alter table payment_method add column forgotten_at timestamptz;
