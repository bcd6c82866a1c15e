-- Customers' ways to pay. The provider's token lives here and nowhere else.
create table payment_method (
    id uuid not null constraint payment_method_pkey primary key,
    customer_id uuid not null,
    provider_token text not null constraint payment_method_token_length check (length(provider_token) between 1 and 255),
    brand text,
    created_at timestamptz not null
);

create index payment_method_customer_idx on payment_method (customer_id, id desc);
