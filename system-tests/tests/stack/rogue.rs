//! Somebody else on this machine: any program that another user could start, with its own sidecars, with a sidecar
//! that says it is `order`, and without any, straight to the services, the broker and the databases. It knows this
//! repository and every port; it has nothing that lies in the folders of the instance (machine.rs: they are closed).

pub mod broker;
pub mod database;
mod machine;
mod services;
mod sidecars;
