//! What only an instance under test has: links that can be slowed or cut, second replicas, fail points.
//! It is asked for by the environment and handed on to every process of the instance.

use std::path::PathBuf;

use anyhow::bail;

/// Puts a proxy into every link when it says `proxied`.
pub const LINKS_VARIABLE: &str = "CARTWRIGHT_LINKS";
/// How many replicas each service that handles events has, 1 or 2.
pub const REPLICAS_VARIABLE: &str = "CARTWRIGHT_REPLICAS";
/// The folder whose files end a process that comes by the place of their name.
pub const FAIL_POINTS_VARIABLE: &str = "CARTWRIGHT_FAIL_POINTS";
/// After how many seconds an event that was not handled counts as missing.
pub const GAP_AGE_VARIABLE: &str = "CARTWRIGHT_GAP_AGE_SECONDS";

const PROXIED: &str = "proxied";

/// The wishes; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trial {
    pub links: Links,
    pub replicas: Replicas,
    pub fail_points: Option<PathBuf>,
    pub gap_age: Option<String>,
}

/// How the parts reach each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Links {
    #[default]
    Direct,
    /// Through toxiproxy, one proxy for each link.
    Proxied,
}

/// How often a service that handles events runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Replicas {
    #[default]
    One,
    Two,
}

impl Trial {
    /// Reads the four variables; an empty one counts as not set.
    pub fn from_environment() -> anyhow::Result<Trial> {
        Trial::from_variables(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Trial> {
        let links = match variable(LINKS_VARIABLE).as_deref() {
            None => Links::Direct,
            Some(PROXIED) => Links::Proxied,
            Some(other) => bail!("{LINKS_VARIABLE}={other} is not known; it may be {PROXIED}"),
        };
        let replicas = match variable(REPLICAS_VARIABLE).as_deref() {
            None | Some("1") => Replicas::One,
            Some("2") => Replicas::Two,
            Some(other) => bail!("{REPLICAS_VARIABLE}={other} is neither 1 nor 2"),
        };
        let fail_points = variable(FAIL_POINTS_VARIABLE).map(PathBuf::from);
        if let Some(folder) = fail_points.as_ref().filter(|folder| !folder.is_absolute()) {
            bail!("{FAIL_POINTS_VARIABLE}={} is not an absolute path", folder.display());
        }
        Ok(Trial { links, replicas, fail_points, gap_age: variable(GAP_AGE_VARIABLE) })
    }

    /// What a process needs in its environment to be part of the same trial.
    pub fn variables(&self) -> Vec<(&'static str, std::ffi::OsString)> {
        let mut variables = Vec::new();
        match self.links {
            Links::Direct => (),
            Links::Proxied => variables.push((LINKS_VARIABLE, PROXIED.into())),
        }
        match self.replicas {
            Replicas::One => (),
            Replicas::Two => variables.push((REPLICAS_VARIABLE, "2".into())),
        }
        variables.extend(
            self.fail_points.as_ref().map(|folder| (FAIL_POINTS_VARIABLE, folder.as_os_str().to_owned())),
        );
        variables.extend(self.gap_age.as_ref().map(|age| (GAP_AGE_VARIABLE, age.into())));
        variables
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn read(variables: &[(&str, &str)]) -> anyhow::Result<Trial> {
        let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
        Trial::from_variables(|name| variables.get(name).map(ToString::to_string))
    }

    #[test]
    fn nothing_is_tried_unless_it_is_asked_for() {
        assert_eq!(read(&[]).unwrap(), Trial::default());
        assert!(Trial::default().variables().is_empty());
    }

    #[test]
    fn what_is_handed_on_is_read_back() {
        let trial = read(&[
            (LINKS_VARIABLE, "proxied"),
            (REPLICAS_VARIABLE, "2"),
            (FAIL_POINTS_VARIABLE, "/a/fail-points"),
            (GAP_AGE_VARIABLE, "5"),
        ])
        .unwrap();
        let variables: Vec<(&str, String)> =
            trial.variables().into_iter().map(|(name, value)| (name, value.into_string().unwrap())).collect();
        let again: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(read(&again).unwrap(), trial);
    }

    #[test]
    fn a_wish_that_cannot_be_met_is_named() {
        for wrong in
            [(LINKS_VARIABLE, "slow"), (REPLICAS_VARIABLE, "3"), (FAIL_POINTS_VARIABLE, "fail-points")]
        {
            assert!(read(&[wrong]).unwrap_err().to_string().contains(wrong.0));
        }
    }
}
