//! Stripe's lists: newest first, by pages that begin after an object.

use serde_json::Value;

use super::error::StripeError;
use super::form::Form;
use crate::domain::view;

const DEFAULT_LIMIT: u64 = 10;
const LARGEST_LIMIT: u64 = 100;

pub(crate) struct Page {
    limit: usize,
    starting_after: Option<String>,
    /// Seconds since 1970, both ends included.
    created: std::ops::RangeInclusive<i64>,
}

impl Page {
    pub(crate) fn take(form: &mut Form) -> Result<Page, StripeError> {
        let limit = form.take_integer("limit")?.unwrap_or(DEFAULT_LIMIT);
        if !(1..=LARGEST_LIMIT).contains(&limit) {
            return Err(StripeError::invalid_integer("limit", &limit.to_string()));
        }
        let mut bound = |name: &str| -> Result<Option<i64>, StripeError> {
            Ok(form.take_integer(name)?.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX)))
        };
        let from = [bound("created[gte]")?, bound("created[gt]")?.map(|after| after.saturating_add(1))];
        let to = [bound("created[lte]")?, bound("created[lt]")?.map(|before| before.saturating_sub(1))];
        let earliest = from.into_iter().flatten().max().unwrap_or(i64::MIN);
        let latest = to.into_iter().flatten().min().unwrap_or(i64::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(Page { limit, starting_after: form.take("starting_after")?, created: earliest..=latest })
    }

    /// The page of what was made, given in the order in which it was made.
    pub(crate) fn of<'a, T: 'a + Listed>(
        &self,
        made: impl DoubleEndedIterator<Item = &'a T>,
        url: &str,
    ) -> Result<Value, StripeError> {
        let mut newest_first = made.rev();
        if let Some(after) = &self.starting_after {
            let found = newest_first.any(|item| item.id() == after);
            if !found {
                return Err(StripeError::no_such(T::NAME, after, "starting_after"));
            }
        }
        let mut wanted = newest_first.filter(|item| self.created.contains(&item.created()));
        let data = wanted.by_ref().take(self.limit).map(Listed::view).collect();
        Ok(view::list(url, data, wanted.next().is_some()))
    }
}

pub(crate) trait Listed {
    const NAME: &'static str;
    fn id(&self) -> &str;
    /// Seconds since 1970.
    fn created(&self) -> i64;
    fn view(&self) -> Value;
}
