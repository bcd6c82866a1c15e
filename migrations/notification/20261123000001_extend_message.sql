-- Everything that a customer is told of an order, and what led to each telling.

alter table message
    -- The event that led to it.
    add column caused_by text,
    add column trace_id text,
    drop constraint message_kind_known,
    add constraint message_kind_known check (
        kind in (
            'order_confirmed', 'order_rejected', 'order_cancelled', 'order_expired', 'lines_cancelled',
            'parcel_shipped', 'parcel_delivered', 'return_requested', 'return_received', 'payment_refunded',
            'payment_action_required'
        )
    ),
    drop constraint message_cause_known,
    -- A cancellation, parcel or return by its id, a refund by its own cause.
    add constraint message_cause_known check (
        cause in ('end', 'payment', 'refund:final_end')
        or cause ~ '^(parcel|(refund:)?(cancellation|return)):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    );
