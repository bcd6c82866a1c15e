-- Double entry, append-only: the postings of an entry sum to zero in each currency.
create table ledger_entry (
    id uuid not null constraint ledger_entry_pkey primary key,
    order_id uuid not null,
    kind text not null constraint ledger_entry_kind_known check (kind in ('capture', 'refund')),
    -- Why the money moved: one capture for each order, one refund for each cause.
    cause text not null,
    at timestamptz not null,
    constraint ledger_entry_cause_key unique (order_id, kind, cause)
);

create table ledger_posting (
    entry_id uuid not null constraint ledger_posting_entry_fkey references ledger_entry (id),
    number smallint not null constraint ledger_posting_number_positive check (number > 0),
    account text not null constraint ledger_posting_account_known check (account in ('provider', 'sales')),
    -- Debits are positive, credits negative.
    amount bigint not null constraint ledger_posting_amount_moves check (amount <> 0),
    currency text not null constraint ledger_posting_currency_letters check (currency ~ '^[A-Z]{3}$'),
    constraint ledger_posting_pkey primary key (entry_id, number)
);

create function require_balanced_entry() returns trigger language plpgsql as $$
declare
    entry uuid;
begin
    -- Only the branch that is taken may name a column: each table has its own.
    if tg_table_name = 'ledger_entry' then
        entry := new.id;
    else
        entry := new.entry_id;
    end if;
    if not exists (select from ledger_posting where entry_id = entry) then
        raise exception 'ledger entry % has no postings', entry
            using errcode = 'check_violation', constraint = 'ledger_entry_balanced';
    end if;
    if exists (select from ledger_posting where entry_id = entry group by currency having sum(amount) <> 0) then
        raise exception 'ledger entry % does not sum to zero', entry
            using errcode = 'check_violation', constraint = 'ledger_entry_balanced';
    end if;
    return null;
end
$$;

create constraint trigger ledger_entry_balanced after insert on ledger_entry
    deferrable initially deferred for each row execute function require_balanced_entry();
create constraint trigger ledger_posting_balanced after insert on ledger_posting
    deferrable initially deferred for each row execute function require_balanced_entry();

revoke update, delete on ledger_entry, ledger_posting from payment_app;
