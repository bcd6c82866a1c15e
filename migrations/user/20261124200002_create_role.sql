-- Roles are data: named sets over the catalogue of permissions, which is the code's.

create table role (
    name text not null constraint role_pkey primary key
        constraint role_name_form check (name ~ '^[a-z][a-z0-9_-]{1,39}$'),
    description text not null constraint role_description_given check (length(description) between 1 and 200),
    version bigint not null default 1 constraint role_version_positive check (version > 0),
    -- Counted for administrators alone: see below.
    holders bigint not null default 0 constraint role_holders_counted check (holders >= 0)
);

-- What a role allows. A customer's and an administrator's permissions are the code's and stand here never.
create table role_permission (
    role text not null constraint role_permission_role_fkey references role (name)
        constraint role_permission_open check (role not in ('customer', 'admin')),
    permission text not null constraint role_permission_form check (permission ~ '^[a-z_]+:[a-z_]+$'),
    constraint role_permission_pkey primary key (role, permission)
);

insert into role (name, description) values
    ('customer', 'Whoever buys here'),
    ('support', 'Helps customers with their orders'),
    ('catalogue', 'Keeps products and stock'),
    ('finance', 'Refunds, decides open payments and checks the books'),
    ('admin', 'May do everything');

insert into role_permission (role, permission) values
    ('support', 'orders:read_any'),
    ('support', 'orders:manage'),
    ('support', 'payments:read_any'),
    ('support', 'stock:read'),
    ('support', 'events:read'),
    ('catalogue', 'products:write'),
    ('catalogue', 'stock:read'),
    ('catalogue', 'stock:write'),
    ('finance', 'orders:read_any'),
    ('finance', 'payments:read_any'),
    ('finance', 'payments:refund'),
    ('finance', 'payments:resolve'),
    ('finance', 'books:read');

alter table user_role drop constraint user_role_known;
alter table user_role add constraint user_role_role_fkey foreign key (role) references role (name);

update role set holders = (select count(*) from user_role where role = 'admin') where name = 'admin';

-- Whoever takes the role from an administrator claims it in one statement: of two who would take it from each other,
-- the second finds that one is left. This holds for every way in which a holder goes.
create function count_administrators() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        update role set holders = holders + 1 where name = 'admin';
    else
        update role set holders = holders - 1 where name = 'admin' and holders > 1;
        if not found then
            raise exception 'there must be an administrator'
                using errcode = 'check_violation', constraint = 'role_administrator_kept';
        end if;
    end if;
    return null;
end
$$;

create trigger user_role_administrator_granted after insert on user_role
    for each row when (new.role = 'admin') execute function count_administrators();
create trigger user_role_administrator_withdrawn after delete on user_role
    for each row when (old.role = 'admin') execute function count_administrators();

create index user_role_holder_idx on user_role (role, user_id);
