-- What a customer wrote goes with the account; nothing else of a line is ever changed.
grant update (detail) on timeline_entry to order_app;
