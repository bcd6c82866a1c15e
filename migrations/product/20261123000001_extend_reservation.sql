-- What becomes of a confirmed order's stock: cancelled in parts, shipped, sent back; and what led to each change.

-- What became of parts of an order, each under an id of its own: a cancellation's, a parcel's or a return's. Products
-- without stock control are here too, since it may be told before it is known which those are.
create table reservation_part (
    order_id uuid not null constraint reservation_part_order_fkey references reservation (order_id),
    kind text not null constraint reservation_part_kind_known check (kind in ('cancelled', 'shipped', 'returned')),
    cause_id uuid not null,
    product_id uuid not null,
    quantity bigint not null constraint reservation_part_quantity_positive check (quantity > 0),
    told_at timestamptz not null,
    constraint reservation_part_pkey primary key (order_id, kind, cause_id, product_id)
);

revoke update, delete, truncate on reservation_part from product_app;

-- What was claimed never changes; these grow beside it. What is left is open, and is what the level counts.
alter table reservation_line
    add column released bigint not null default 0
        constraint reservation_line_released_not_negative check (released >= 0),
    add column shipped bigint not null default 0
        constraint reservation_line_shipped_not_negative check (shipped >= 0),
    add column restocked bigint not null default 0
        constraint reservation_line_restocked_not_negative check (restocked >= 0),
    add constraint reservation_line_left_not_negative check (released + shipped <= quantity),
    add constraint reservation_line_restocked_in_range check (released + restocked <= quantity);

update reservation_line set released = quantity
from reservation
where reservation.order_id = reservation_line.order_id and reservation.state = 'ended';

-- What the sums of open reservations are made of.
create index reservation_line_open_idx on reservation_line (product_id) where released + shipped < quantity;

-- What was answered, and to which event: it outlives the state.
alter table reservation
    add column answered_at timestamptz,
    add column answered_for text,
    add column answered_trace text,
    -- None when the answer was that all is reserved.
    add column answered_refusal jsonb,
    add constraint reservation_answer_whole check (
        answered_at is not null or (answered_for is null and answered_trace is null and answered_refusal is null)
    ),
    drop constraint reservation_final_end_known,
    add constraint reservation_final_end_known check (final_end in ('rejected', 'expired', 'cancelled'));

alter table movement
    -- The cancellation, parcel or return that it is for; none when it is for the whole order.
    add column cause_id uuid,
    -- The event that led to it.
    add column caused_by text,
    add column trace_id text,
    drop constraint movement_kind_known,
    add constraint movement_kind_known check (
        kind in ('received', 'adjusted', 'reserved', 'allocated', 'released', 'shipped', 'returned')
    ),
    drop constraint movement_deltas_fit_kind,
    add constraint movement_deltas_fit_kind check (
        case kind
            when 'received' then on_hand_delta > 0 and reserved_delta = 0 and allocated_delta = 0
            when 'adjusted' then on_hand_delta <> 0 and reserved_delta = 0 and allocated_delta = 0
            when 'reserved' then on_hand_delta = 0 and reserved_delta > 0 and allocated_delta = 0
            when 'allocated' then on_hand_delta = 0 and reserved_delta < 0 and allocated_delta = -reserved_delta
            when 'released' then on_hand_delta = 0 and least(reserved_delta, allocated_delta) < 0
                and greatest(reserved_delta, allocated_delta) = 0
            when 'shipped' then on_hand_delta < 0 and reserved_delta = 0 and allocated_delta = on_hand_delta
            when 'returned' then on_hand_delta > 0 and reserved_delta = 0 and allocated_delta = 0
        end
    ),
    drop constraint movement_cause_fits_kind,
    add constraint movement_cause_fits_kind check (
        case when kind in ('received', 'adjusted') then order_id is null and reason is not null and cause_id is null
            when kind in ('shipped', 'returned') then order_id is not null and cause_id is not null
            when kind = 'released' then order_id is not null
            else order_id is not null and cause_id is null end
    );

-- The natural key of everything that is done for an order: an order's demand is reserved once, allocated once and at
-- its end released once, and each cancellation, parcel and return has its effect once, for good.
drop index movement_order_key;
create unique index movement_order_key on movement (order_id, product_id, kind, cause_id) nulls not distinct
    where order_id is not null;
