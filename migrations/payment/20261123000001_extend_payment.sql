-- Captures that wait for shipping, the customer's own step, refunds for several causes, disputes, and what staff decide.

alter table payment
    -- What people call the order; unknown in rows that were noted before this.
    add column order_number text,
    -- The capture that was asked for: the one of the latest round.
    add column capture_amount bigint constraint payment_capture_amount_range check (capture_amount between 0 and 99999999),
    add column capture_currency text,
    add column capture_round integer constraint payment_capture_round_positive check (capture_round > 0),
    -- What goes back for other causes than the cancelling of the whole order.
    add column refunds_requested bigint
        constraint payment_refunds_requested_range check (refunds_requested between 0 and 99999999),
    add column refunds_requested_currency text,
    -- Where the customer confirms with their bank.
    add column action_url text,
    -- The round of the capture in hand, or of the one that failed (0: none was asked for).
    add column stage_round integer constraint payment_stage_round_not_negative check (stage_round >= 0),
    -- The provider's reason for refusing it.
    add column stage_reason text,
    -- The last key that a capture went under.
    add column due_generation integer constraint payment_due_generation_not_negative check (due_generation >= 0),
    -- The amount, where what is in doubt is a capture and no charge.
    add column doubted_amount bigint,
    -- The call that is on its way.
    add column ticket integer,
    -- How many refunds and disputes there are, so that they are read only where there are any.
    add column sides integer not null default 0 constraint payment_sides_not_negative check (sides >= 0),
    -- The earliest of what is to be done for them.
    add column side_at timestamptz,
    -- Since when it is not known what became of an act.
    add column unknown_since timestamptz,
    -- Set on a row that cannot be read, so that it does not keep the others waiting.
    add column postponed_until timestamptz,
    add constraint payment_capture_whole check (num_nulls(capture_amount, capture_currency, capture_round) in (0, 3)),
    drop constraint payment_stage_known,
    add constraint payment_stage_known check (stage in (
        'waiting', 'creating', 'confirming', 'action_required', 'cancelling', 'authorised', 'capturing', 'due', 'free',
        'captured', 'closed',
        -- Written by the release before this one; read as captured, with a refund for the final end.
        'refunding', 'refunded', 'refund_failed')),
    drop constraint payment_attempt_in_its_stages,
    add constraint payment_attempt_in_its_stages check (
        (attempt_number is not null)
        = (stage in ('creating', 'confirming', 'action_required', 'cancelling', 'capturing', 'refunding')));

-- The release before this one works by `work_at`; it is spared what it cannot read.
drop index payment_work_idx;
alter table payment
    drop column work_at,
    add column work_at timestamptz generated always as (
        case when stage in ('action_required', 'capturing', 'due') then null else least(act_at, overdue_at) end) stored,
    add column next_at timestamptz generated always as (
        case when num_nonnulls(act_at, overdue_at, side_at) > 0
             then greatest(least(act_at, overdue_at, side_at), postponed_until) end) stored;
create index payment_work_idx on payment (work_at) where work_at is not null;
create index payment_next_idx on payment (next_at) where next_at is not null;

-- What needs a person, and has no refund or dispute to be found by.
create index payment_unknown_idx on payment (unknown_since) where unknown_since is not null;
create index payment_due_idx on payment (order_id) where stage = 'due';
create index payment_overdue_idx on payment (overdue_at) where overdue_reports > 0 and overdue_at is not null;

-- Money that goes back: one row for each cause, for good.
create table payment_refund (
    order_id uuid not null constraint payment_refund_payment_fkey references payment (order_id),
    -- `final_end`, `cancellation:<id>` or `return:<id>`.
    cause text not null,
    amount bigint not null constraint payment_refund_amount_range check (amount between 1 and 99999999),
    currency text not null constraint payment_refund_currency_letters check (currency ~ '^[A-Z]{3}$'),
    stage text not null constraint payment_refund_stage_known check (
        stage in ('waiting', 'in_hand', 'made', 'failed', 'settled', 'moot')),
    -- Why it has failed.
    failure text constraint payment_refund_failure_known check (
        failure in ('exceeds_captured', 'not_made', 'returned')),
    -- The provider's name for it, and for those of this cause that came to nothing.
    reference text,
    failed_references text[] not null,
    key_generation integer not null constraint payment_refund_key_generation_positive check (key_generation > 0),
    tried integer not null constraint payment_refund_tried_not_negative check (tried >= 0),
    attempt_number integer constraint payment_refund_attempt_number_positive check (attempt_number > 0),
    step text constraint payment_refund_step_known check (step in ('planned', 'sent', 'doubtful', 'asked')),
    doubt text constraint payment_refund_doubt_known check (
        doubt in ('silence', 'server_error', 'stored_error', 'refused')),
    act_at timestamptz,
    ticket integer,
    created_at timestamptz not null,
    -- Since when it is at its stage.
    since timestamptz not null,
    constraint payment_refund_pkey primary key (order_id, cause),
    constraint payment_refund_attempt_in_hand check (
        num_nulls(attempt_number, step, act_at) = case stage when 'in_hand' then 0 else 3 end),
    constraint payment_refund_doubt_in_its_steps check (
        (doubt is not null) = (coalesce(step, '') in ('doubtful', 'asked'))),
    constraint payment_refund_failure_when_failed check ((failure is not null) = (stage = 'failed')),
    constraint payment_refund_reference_when_made check ((reference is not null) = (stage = 'made'))
);

create index payment_refund_failed_idx on payment_refund (since, order_id) where stage = 'failed';

-- Charges that the customer's bank disputes, by the provider's names for it.
create table payment_dispute (
    order_id uuid not null constraint payment_dispute_payment_fkey references payment (order_id),
    dispute_id text not null constraint payment_dispute_id_length check (length(dispute_id) between 1 and 255),
    amount bigint not null constraint payment_dispute_amount_range check (amount between 0 and 99999999),
    currency text not null constraint payment_dispute_currency_letters check (currency ~ '^[A-Z]{3}$'),
    stage text not null constraint payment_dispute_stage_known check (stage in ('open', 'accepting', 'won', 'lost')),
    attempt_number integer constraint payment_dispute_attempt_number_positive check (attempt_number > 0),
    key_generation integer constraint payment_dispute_key_generation_positive check (key_generation > 0),
    step text constraint payment_dispute_step_known check (step in ('planned', 'sent', 'doubtful', 'asked')),
    doubt text constraint payment_dispute_doubt_known check (
        doubt in ('silence', 'server_error', 'stored_error', 'refused')),
    act_at timestamptz,
    ticket integer,
    created_at timestamptz not null,
    -- Since when it is at its stage.
    since timestamptz not null,
    constraint payment_dispute_pkey primary key (order_id, dispute_id),
    constraint payment_dispute_attempt_when_accepting check (
        num_nulls(attempt_number, key_generation, step, act_at) = case stage when 'accepting' then 0 else 4 end)
);

create index payment_dispute_open_idx on payment_dispute (since, order_id) where stage in ('open', 'accepting');
