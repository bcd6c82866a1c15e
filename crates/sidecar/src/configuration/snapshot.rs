//! One moment of a service's configuration, and what becomes of it when the store says something else. Pure.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;

use contracts::configuration::{KEYS, Key, LARGEST_VERSION, Refused, Scopes, Setting, Spec, Value};
use contracts::{App, OrderId};
use dapr::dapr::proto::common::v1::ConfigurationItem;
use uuid::Uuid;

/// Where an item's metadata holds its values for some.
const SCOPES: &str = "scopes";

/// The values of one service's keys at one moment. What is read from the same one belongs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    entries: BTreeMap<&'static str, Entry>,
}

/// A key's values and the version that gave them; 0 with the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) spec: &'static Spec,
    pub(super) value: Value,
    pub(super) scopes: Scopes,
    pub(super) version: u64,
}

impl Snapshot {
    /// What holds while nobody has set a key.
    pub(super) fn defaults(app: App) -> Snapshot {
        let specs = KEYS.iter().copied().filter(|spec| spec.reader == app);
        Snapshot { entries: specs.map(|spec| (spec.name, Entry::default(spec))).collect() }
    }

    /// The value for everyone; the default of a key that this service does not read.
    pub fn get<T: Setting>(&self, key: &Key<T>) -> T {
        self.read(key, |_| None)
    }

    /// The value for a caller, who is called by each of these ids: a user's, an API key's.
    pub fn for_caller<T: Setting>(&self, key: &Key<T>, caller: &[Uuid]) -> T {
        self.read(key, |entry| entry.scopes.for_caller(caller))
    }

    /// The value for an order that this caller places.
    pub fn for_order<T: Setting>(&self, key: &Key<T>, order: OrderId, caller: &[Uuid]) -> T {
        self.read(key, |entry| entry.scopes.for_order(entry.spec.name, order, caller))
    }

    /// The highest version in force; 0 while everything is at its default.
    pub fn version(&self) -> u64 {
        self.entries.values().map(|entry| entry.version).max().unwrap_or(0)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.entries.keys().map(|name| (*name).to_owned()).collect()
    }

    /// Each key's value for everyone, as the sidecars carry it.
    pub(super) fn values(&self) -> BTreeMap<String, String> {
        self.entries.iter().map(|(name, entry)| ((*name).to_owned(), entry.value.to_string())).collect()
    }

    /// The entries that are not those of `before`.
    pub(super) fn changes<'a>(&'a self, before: &'a Snapshot) -> impl Iterator<Item = &'a Entry> {
        self.entries.values().filter(|entry| before.entries.get(entry.spec.name) != Some(entry))
    }

    /// What holds once the store holds `items`, and what of them is not taken: of that key the value before stays.
    /// Without a row a key has its default.
    pub(super) fn after(&self, items: &HashMap<String, ConfigurationItem>) -> (Snapshot, Vec<Refused>) {
        let mut refused = Vec::new();
        let entries = self.entries.iter().map(|(name, entry)| {
            let Some(item) = items.get(*name) else { return (*name, Entry::default(entry.spec)) };
            match entry.after(item) {
                Ok(after) => (*name, after),
                Err(why) => {
                    let version = shortened(&item.version);
                    refused.push(Refused { key: (*name).to_owned(), version, why: shortened(&why) });
                    (*name, entry.clone())
                }
            }
        });
        (Snapshot { entries: entries.collect() }, refused)
    }

    fn read<T: Setting>(&self, key: &Key<T>, scoped: impl Fn(&Entry) -> Option<&Value>) -> T {
        match self.entries.get(key.spec.name) {
            Some(entry) => key.of(scoped(entry).unwrap_or(&entry.value)),
            None => key.default(),
        }
    }
}

impl Entry {
    fn default(spec: &'static Spec) -> Entry {
        Entry { spec, value: spec.default(), scopes: Scopes::default(), version: 0 }
    }

    /// What the item makes of it, or why it is not taken. The table may have been edited by hand.
    fn after(&self, item: &ConfigurationItem) -> Result<Entry, String> {
        let version = item.version.parse::<NonZeroU64>().map_err(|_| "its version is no number from 1 on")?;
        let version = version.get();
        // No counter gave a version beyond the largest, so that whatever comes after it is newer.
        if version < self.version && self.version <= LARGEST_VERSION {
            return Err(format!("it is older than version {}, which is in force", self.version));
        }
        let value = self.spec.kind.parse(&item.value).map_err(|error| error.to_string())?;
        let scopes = match item.metadata.get(SCOPES) {
            Some(text) => self.scopes(text)?,
            None => Scopes::default(),
        };
        let after = Entry { spec: self.spec, value, scopes, version };
        if version == self.version && after != *self {
            return Err("it was changed and has kept the version that is in force".to_owned());
        }
        Ok(after)
    }

    fn scopes(&self, text: &str) -> Result<Scopes, String> {
        let json = serde_json::from_str(text).map_err(|_| "its scopes are no JSON")?;
        Scopes::read(&self.spec.kind, self.spec.reach, &json).map_err(|error| error.to_string())
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(Refused::LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::configuration::{GATEWAY_DEADLINE, ORDER_LARGEST_PAGE, ORDER_RETURN_WINDOW};
    use serde_json::json;

    const ADA: Uuid = Uuid::from_u128(1);
    const BEN: Uuid = Uuid::from_u128(2);

    fn item(value: &str, version: &str, scopes: Option<&str>) -> ConfigurationItem {
        ConfigurationItem {
            value: value.to_owned(),
            version: version.to_owned(),
            metadata: scopes.map(|scopes| (SCOPES.to_owned(), scopes.to_owned())).into_iter().collect(),
        }
    }

    fn store(key: &str, item: ConfigurationItem) -> HashMap<String, ConfigurationItem> {
        HashMap::from([(key.to_owned(), item)])
    }

    #[test]
    fn a_row_that_is_gone_is_the_default_again() {
        let defaults = Snapshot::defaults(App::Order);
        let (set, _) = defaults.after(&store("order.return_window", item("14", "3", None)));
        assert_eq!((set.get(&ORDER_RETURN_WINDOW), set.version()), (14, 3));
        assert_eq!(
            set.changes(&defaults).map(|entry| entry.spec.name).collect::<Vec<_>>(),
            ["order.return_window"]
        );
        let (gone, refused) = set.after(&HashMap::new());
        assert_eq!((gone, refused), (defaults, Vec::new()));
    }

    #[test]
    fn anothers_key_has_its_default() {
        let order = Snapshot::defaults(App::Order);
        let (after, refused) = order.after(&store("gateway.deadline", item("1s", "1", None)));
        assert_eq!(after.get(&GATEWAY_DEADLINE), GATEWAY_DEADLINE.default());
        assert_eq!((after, refused), (order, Vec::new()));
    }

    #[test]
    fn callers_and_orders_have_values_of_their_own() {
        let scopes = json!([
            {"audience": {"percent": 100}, "value": 7},
            {"audience": {"callers": [ADA]}, "value": 60},
        ]);
        let snapshot = Snapshot::defaults(App::Order);
        let text = scopes.to_string();
        let (snapshot, _) = snapshot.after(&store("order.return_window", item("14", "1", Some(&text))));
        let order = OrderId(Uuid::from_u128(3));
        assert_eq!(snapshot.get(&ORDER_RETURN_WINDOW), 14);
        assert_eq!(snapshot.for_order(&ORDER_RETURN_WINDOW, order, &[ADA]), 60);
        assert_eq!(snapshot.for_order(&ORDER_RETURN_WINDOW, order, &[BEN]), 7);
        assert_eq!(snapshot.for_caller(&ORDER_RETURN_WINDOW, &[BEN, ADA]), 60);
        assert_eq!(snapshot.for_caller(&ORDER_RETURN_WINDOW, &[BEN]), 14);
        assert_eq!(snapshot.for_caller(&ORDER_LARGEST_PAGE, &[ADA]), ORDER_LARGEST_PAGE.default());
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name_and_the_value_before_stays() {
        let running = store("order.return_window", item("14", "10", None));
        let (running, _) = Snapshot::defaults(App::Order).after(&running);
        let endless = "9".repeat(10_000);
        let percent = r#"[{"audience": {"percent": 10}, "value": 400}]"#;
        for (found, why) in [
            (item("400", "11", None), "400 is not between 0 and 365"),
            (item("soon", "11", None), "the value is not a whole number of at least 0: \"soon\""),
            (item("", "11", None), "the value is not a whole number of at least 0: \"\""),
            (item("15", "9", None), "it is older than version 10, which is in force"),
            (item("15", "10", None), "it was changed and has kept the version that is in force"),
            (item("15", "0", None), "its version is no number from 1 on"),
            (item("15", "-1", None), "its version is no number from 1 on"),
            (item("15", &endless, None), "its version is no number from 1 on"),
            (item("15", "11", Some("")), "its scopes are no JSON"),
            (item("15", "11", Some(&"[".repeat(10_000))), "its scopes are no JSON"),
            (item("15", "11", Some(percent)), "the value for 10 % of orders: 400 is not between 0 and 365"),
        ] {
            let (after, refused) = running.after(&store("order.return_window", found.clone()));
            assert_eq!(after, running, "{why}");
            let [refused]: [Refused; 1] = refused.try_into().unwrap();
            let version = found.version.chars().take(Refused::LONGEST).collect();
            assert_eq!(
                refused,
                Refused { key: "order.return_window".to_owned(), version, why: why.to_owned() }
            );
        }
    }

    #[test]
    fn a_version_that_no_counter_gave_is_no_reason_to_refuse_the_next() {
        let key = "order.return_window";
        let running = |value: &str, version: &str| {
            Snapshot::defaults(App::Order).after(&store(key, item(value, version, None))).0
        };
        let (after, refused) = running("7", "999999999999999999").after(&store(key, item("14", "3", None)));
        assert_eq!((after.get(&ORDER_RETURN_WINDOW), after.version()), (14, 3));
        assert_eq!(refused, Vec::new());

        let largest = running("7", &LARGEST_VERSION.to_string());
        let (after, refused) = largest.after(&store(key, item("14", "3", None)));
        assert_eq!((after, refused.len()), (largest, 1), "one that the counter went on from stays in force");
    }

    #[test]
    fn what_is_unknown_beside_a_value_does_not_matter() {
        let mut found = item("14", "1", None);
        found.metadata.insert("colour".to_owned(), "blue".to_owned());
        let (after, refused) = Snapshot::defaults(App::Order).after(&store("order.return_window", found));
        assert_eq!((after.get(&ORDER_RETURN_WINDOW), refused), (14, Vec::new()));
    }
}
