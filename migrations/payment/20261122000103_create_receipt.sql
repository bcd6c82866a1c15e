-- What was done outside this database, append-only; the first line of an effect is written before it is attempted.
-- Each order's lines form a chain: a line's hash covers its own fields and the hash of the line before.
create table receipt (
    id uuid not null constraint receipt_pkey primary key,
    order_id uuid not null,
    sequence integer not null constraint receipt_sequence_positive check (sequence > 0),
    kind text not null constraint receipt_kind_known check (kind in ('charge', 'capture', 'void', 'refund')),
    key text not null,
    request_hash bytea not null constraint receipt_request_hash_length check (length(request_hash) = 32),
    state text not null constraint receipt_state_known check (
        state in ('planned', 'sent', 'confirmed', 'unknown', 'failed')),
    provider_reference text,
    attempt integer not null constraint receipt_attempt_positive check (attempt > 0),
    at timestamptz not null,
    previous_hash bytea not null constraint receipt_previous_hash_length check (length(previous_hash) = 32),
    hash bytea not null constraint receipt_hash_length check (length(hash) = 32),
    constraint receipt_order_sequence_key unique (order_id, sequence)
);

revoke update, delete on receipt from payment_app;
