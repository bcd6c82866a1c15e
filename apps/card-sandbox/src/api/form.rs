//! Parameters in the processor's form encoding: `amount=5`, `metadata[order_id]=7`, `expand[]=x`.
//! What nobody takes is refused by name, so a misspelt parameter cannot be overlooked.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::error::StripeError;

#[derive(Debug, Default)]
pub(crate) struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    pub(crate) fn parse(encoded: &[u8]) -> Result<Form, StripeError> {
        let fields = serde_urlencoded::from_bytes(encoded)
            .map_err(|_| StripeError::invalid("Invalid request: the parameters are not form-encoded."))?;
        Ok(Form { fields })
    }

    /// The same for the same parameters, in whatever order they came.
    pub(crate) fn fingerprint(&self) -> String {
        let mut sorted: Vec<_> = self.fields.iter().collect();
        sorted.sort();
        let mut hash = Sha256::new();
        for (name, value) in sorted {
            for part in [name, value] {
                hash.update(part.len().to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        hex::encode(hash.finalize())
    }

    pub(crate) fn take(&mut self, name: &str) -> Result<Option<String>, StripeError> {
        let mut found = None;
        self.fields.retain_mut(|(field, value)| {
            let matches = field == name;
            if matches {
                found = Some(std::mem::take(value));
            }
            !matches
        });
        if found.as_deref() == Some("") {
            return Err(StripeError::empty_parameter(name));
        }
        Ok(found)
    }

    pub(crate) fn take_required(&mut self, name: &str) -> Result<String, StripeError> {
        self.take(name)?.ok_or_else(|| StripeError::missing_parameter(name))
    }

    /// A whole number, not negative.
    pub(crate) fn take_integer(&mut self, name: &str) -> Result<Option<u64>, StripeError> {
        let Some(text) = self.take(name)? else {
            return Ok(None);
        };
        let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits_only { text.parse().ok() } else { None };
        number.map(Some).ok_or_else(|| StripeError::invalid_integer(name, &text))
    }

    /// One of a few words; the words are those of the type's serde names.
    pub(crate) fn take_word<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &str,
        words: &str,
    ) -> Result<Option<T>, StripeError> {
        let Some(word) = self.take(name)? else {
            return Ok(None);
        };
        serde_json::from_value(serde_json::Value::String(word)).map(Some).map_err(|_| {
            StripeError::invalid_parameter(name, format!("Invalid {name}: must be one of {words}"))
        })
    }

    /// `name[key]=value`, all of them; a key set to nothing is left out.
    pub(crate) fn take_map(&mut self, name: &str) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        self.fields.retain_mut(|(field, value)| {
            let key = field
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('['))
                .and_then(|rest| rest.strip_suffix(']'));
            if let Some(key) = key {
                map.insert(key.to_owned(), std::mem::take(value));
            }
            key.is_none()
        });
        map.retain(|_, value| !value.is_empty());
        map
    }

    /// Takes note of parameters that change nothing here.
    pub(crate) fn ignore(&mut self, names: &[&str]) {
        self.fields.retain(|(field, _)| !names.contains(&field.as_str()));
    }

    pub(crate) fn finish(self) -> Result<(), StripeError> {
        match self.fields.first() {
            None => Ok(()),
            Some((name, _)) => Err(StripeError::unknown_parameter(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_parameters_does_not_matter_to_the_fingerprint() {
        let one = Form::parse(b"amount=5&metadata%5Border_id%5D=7").unwrap();
        let two = Form::parse(b"metadata[order_id]=7&amount=5").unwrap();
        let three = Form::parse(b"metadata[order_id]=75&amount=").unwrap();
        assert_eq!(one.fingerprint(), two.fingerprint());
        assert_ne!(one.fingerprint(), three.fingerprint());
    }

    #[test]
    fn brackets_make_a_map_and_what_is_left_is_unknown() {
        let mut form = Form::parse(b"metadata[order_id]=7&metadata[gone]=&amuont=5").unwrap();
        assert_eq!(form.take_map("metadata"), BTreeMap::from([("order_id".to_owned(), "7".to_owned())]));
        assert!(form.finish().is_err());
    }

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        for text in ["-1", "+1", "1.0", "1e3", " 1", "x", "99999999999999999999"] {
            let body = serde_urlencoded::to_string([("amount", text)]).unwrap();
            let mut form = Form::parse(body.as_bytes()).unwrap();
            assert!(form.take_integer("amount").is_err(), "{text}");
        }
    }
}
