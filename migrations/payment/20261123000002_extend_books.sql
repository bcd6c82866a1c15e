-- More of what is written down for good: records, receipts, the ledger, and what staff have decided.

alter table payment_event
    add column cause text,
    add column round integer,
    add column reason text,
    add column dispute_id text,
    add column status text constraint payment_event_status_known check (status in ('open', 'won', 'lost')),
    -- What led to it.
    add column causation_id text,
    add column traceparent text,
    drop constraint payment_event_kind_known,
    add constraint payment_event_kind_known check (kind in (
        'action_required', 'authorised', 'lapsed', 'captured', 'due', 'voided', 'declined', 'refunded',
        'refund_failed', 'refund_returned', 'refund_settled', 'disputed'));

-- What was settled and may have been made after all.
create index payment_event_settled_idx on payment_event (order_id, cause) where kind = 'refund_settled';

alter table receipt
    drop constraint receipt_kind_known,
    add constraint receipt_kind_known check (kind in ('charge', 'capture', 'void', 'refund', 'dispute'));

alter table ledger_entry
    drop constraint ledger_entry_kind_known,
    add constraint ledger_entry_kind_known check (kind in (
        'capture', 'refund', 'refund_returned', 'settlement', 'dispute_opened', 'dispute_won', 'dispute_lost'));

-- `disputes` holds what a bank disputes, `losses` what was lost to it, `elsewhere` what was paid past the provider.
alter table ledger_posting
    drop constraint ledger_posting_account_known,
    add constraint ledger_posting_account_known check (
        account in ('provider', 'sales', 'disputes', 'losses', 'elsewhere'));

-- What staff said or decided, append-only.
create table payment_resolution (
    order_id uuid not null constraint payment_resolution_payment_fkey references payment (order_id),
    number integer not null constraint payment_resolution_number_positive check (number > 0),
    action text not null constraint payment_resolution_action_known check (action in (
        'charged', 'not_charged', 'refunded', 'not_refunded', 'retry_refund', 'settle_refund', 'accept_dispute')),
    cause text,
    dispute_id text,
    reason text not null constraint payment_resolution_reason_length check (length(reason) between 1 and 200),
    resolved_by uuid not null,
    causation_id text,
    traceparent text,
    at timestamptz not null,
    constraint payment_resolution_pkey primary key (order_id, number)
);

revoke update, delete on payment_resolution from payment_app;
