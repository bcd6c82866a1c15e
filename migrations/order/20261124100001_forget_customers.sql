-- Customers whose accounts were deleted: their orders stay, with their sums, and lose what says whose they were.

create table forgotten_customer (
    customer_id uuid not null constraint forgotten_customer_pkey primary key,
    at timestamptz not null,
    -- When nothing was left to forget, and nothing could come any more.
    done_at timestamptz
);

create index forgotten_customer_open_idx on forgotten_customer (customer_id) where done_at is null;

alter table orders add column forgotten_at timestamptz;
