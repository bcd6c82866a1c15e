-- What a receipt was written for; beside the chain, which covers the effect itself.
alter table receipt
    add column causation_id text,
    add column traceparent text;
