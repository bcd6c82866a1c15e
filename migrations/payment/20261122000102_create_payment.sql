-- One row for each order, made by whichever event comes first: the facts, and how far the charge is.
create table payment (
    order_id uuid not null constraint payment_pkey primary key,
    id uuid not null constraint payment_id_key unique,

    -- What is due, from order.placed; all of it or nothing.
    customer_id uuid,
    payment_method_id uuid,
    -- Whether the method was the customer's when the order was noted.
    payment_method_known boolean,
    amount bigint constraint payment_amount_range check (amount between 0 and 99999999),
    currency text constraint payment_currency_letters check (currency ~ '^[A-Z]{3}$'),
    charge_by timestamptz,
    deadline timestamptz,
    capture text constraint payment_capture_known check (capture in ('at_once', 'before_shipping')),

    stock_reserved boolean not null,
    end_kind text constraint payment_end_known check (end_kind in ('confirmed', 'rejected', 'cancelled', 'expired')),

    stage text not null constraint payment_stage_known check (stage in (
        'waiting', 'creating', 'confirming', 'cancelling', 'authorised', 'free', 'captured',
        'refunding', 'refunded', 'refund_failed', 'closed')),
    intent_id text,
    -- What will be said when the cancelling is through.
    refusal jsonb,
    -- What was authorised or captured, in the currency that is due.
    charged bigint constraint payment_charged_range check (charged between 0 and 99999999),

    -- The act in hand: planned, on its way, or of unknown outcome.
    attempt_number integer constraint payment_attempt_number_positive check (attempt_number > 0),
    key_generation integer constraint payment_key_generation_positive check (key_generation > 0),
    step text constraint payment_step_known check (step in ('planned', 'sent', 'doubtful', 'asked')),
    doubt text constraint payment_doubt_known check (doubt in ('silence', 'server_error', 'stored_error', 'refused')),
    act_at timestamptz,
    -- The charge whose outcome was not known when the cancelling began.
    doubted_number integer,
    doubted_generation integer,
    -- Calls to the provider so far; an answer names the call it belongs to.
    calls integer not null constraint payment_calls_not_negative check (calls >= 0),

    -- When the missing end is reported next, and how often it was.
    overdue_at timestamptz,
    overdue_reports integer not null constraint payment_overdue_reports_not_negative check (overdue_reports >= 0),

    work_at timestamptz generated always as (least(act_at, overdue_at)) stored,

    -- The event that set off what is being done, for the events that come of it.
    causation_id text,
    traceparent text,
    created_at timestamptz not null,
    updated_at timestamptz not null,

    constraint payment_due_whole check (
        num_nulls(customer_id, payment_method_id, payment_method_known, amount, currency, charge_by, deadline, capture)
        in (0, 8)),
    constraint payment_attempt_whole check (num_nulls(attempt_number, key_generation, step, act_at) in (0, 4)),
    constraint payment_attempt_in_its_stages check (
        (attempt_number is not null) = (stage in ('creating', 'confirming', 'cancelling', 'refunding'))),
    constraint payment_doubt_in_its_steps check ((doubt is not null) = (coalesce(step, '') in ('doubtful', 'asked'))),
    constraint payment_charge_is_due check (stage in ('waiting', 'closed') or amount is not null)
);

-- What the worker reads: only what waits for something.
create index payment_work_idx on payment (work_at) where work_at is not null;

-- What happened to the money, append-only; the amounts are a fold over it.
create table payment_event (
    order_id uuid not null constraint payment_event_payment_fkey references payment (order_id),
    number integer not null constraint payment_event_number_positive check (number > 0),
    kind text not null constraint payment_event_kind_known check (
        kind in ('authorised', 'captured', 'voided', 'declined', 'refunded', 'refund_failed')),
    amount bigint constraint payment_event_amount_range check (amount between 0 and 99999999),
    currency text,
    refusal jsonb,
    at timestamptz not null,
    constraint payment_event_pkey primary key (order_id, number)
);

revoke update, delete on payment_event from payment_app;
