-- The addresses that customers keep.

create table address (
    id uuid not null constraint address_pkey primary key,
    user_id uuid not null constraint address_account_fkey references account (id),
    name text not null constraint address_name_given check (length(name) between 1 and 200),
    line1 text not null constraint address_line1_given check (length(line1) between 1 and 200),
    line2 text constraint address_line2_short check (length(line2) between 1 and 200),
    city text not null constraint address_city_given check (length(city) between 1 and 200),
    postcode text not null constraint address_postcode_given check (length(postcode) between 1 and 200),
    country text not null constraint address_country_known check (country ~ '^[A-Z]{2}$'),
    version bigint not null constraint address_version_counted check (version > 0),
    created_at timestamptz not null
);

create index address_user_idx on address (user_id, id desc);
