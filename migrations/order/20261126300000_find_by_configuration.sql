-- What is tried on a part of the orders is judged by what became of the orders placed since.

create index orders_configuration_idx on orders (configuration_version) where end_kind is not null;
