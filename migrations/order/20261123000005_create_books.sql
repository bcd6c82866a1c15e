-- What the checks of the books remember: the last report, what is wrong, what has not come to rest, and when this
-- service was there.

-- One row for all replicas.
create table books_check (
    one boolean not null constraint books_check_pkey primary key constraint books_check_only_one check (one),
    report jsonb not null,
    -- Orders that changed before this were looked at.
    changed_until timestamptz not null,
    -- How far the check of everything is, a page at a time.
    cursor text
);

-- What was wrong with an order or a product when it was last looked at. Looked at again each time.
create table books_violation (
    id bigint not null generated always as identity constraint books_violation_pkey primary key,
    subject uuid not null,
    kind text not null constraint books_violation_kind_known check (kind in ('order', 'product')),
    violation jsonb not null,
    found_at timestamptz not null
);

create index books_violation_subject_idx on books_violation (subject, id);

-- Orders that had not come to rest when they were last looked at.
create table books_left_out (
    order_id uuid not null constraint books_left_out_pkey primary key
        constraint books_left_out_order_fkey references orders (id),
    since timestamptz not null
);

-- When the service and this database were there: a second's gap or two is none.
create table books_awake (
    from_at timestamptz not null constraint books_awake_pkey primary key,
    until_at timestamptz not null,
    constraint books_awake_ordered check (from_at <= until_at)
);

-- What has changed since the last check.
create index timeline_entry_at_idx on timeline_entry using brin (at) with (autosummarize = on);
