//! How a start gets on: the keeper writes it to a file, whoever waits for it reads it there.

use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::{Instance, say};

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    Begun { step: String },
    Done { step: String, took: String },
    Note { text: String },
    Ready,
    Failed { text: String },
}

/// The writing end.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Mutex<std::fs::File>>);

/// The reading end; gives each line once.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    read: usize,
}

fn path(instance: &Instance) -> PathBuf {
    instance.run().join("progress.jsonl")
}

impl Progress {
    /// Begins anew.
    pub fn begin(instance: &Instance) -> anyhow::Result<Progress> {
        let path = path(instance);
        let file =
            std::fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Progress(Arc::new(Mutex::new(file))))
    }

    pub fn say(&self, line: &Line) {
        let text = serde_json::to_string(line).expect("invariant: a line holds only strings");
        if let Ok(mut file) = self.0.lock() {
            let _ = writeln!(file, "{text}");
        }
    }

    pub fn note(&self, text: impl Into<String>) {
        self.say(&Line::Note { text: text.into() });
    }

    /// Says when the work begins and when it is done; an error says which step it was.
    pub async fn step<T>(
        &self,
        step: &str,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let began = Instant::now();
        self.say(&Line::Begun { step: step.to_owned() });
        let result = work.await.with_context(|| format!("{step} failed"))?;
        self.say(&Line::Done { step: step.to_owned(), took: say::duration(began.elapsed()) });
        Ok(result)
    }
}

impl Reader {
    /// Forgets what an earlier start wrote.
    pub fn begin(instance: &Instance) -> Reader {
        let path = path(instance);
        let _ = std::fs::remove_file(&path);
        Reader { path, read: 0 }
    }

    /// Gives what has been written so far as well.
    pub fn from_start(instance: &Instance) -> Reader {
        Reader { path: path(instance), read: 0 }
    }

    /// Passes over what has been written so far.
    pub fn begin_at_end(instance: &Instance) -> Reader {
        let mut reader = Reader::from_start(instance);
        reader.news();
        reader
    }

    /// The whole lines that have been added.
    pub fn news(&mut self) -> Vec<Line> {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        let new = text.get(self.read..).unwrap_or_default();
        let whole = new.rfind('\n').map_or("", |end| &new[..=end]);
        self.read += whole.len();
        whole.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_read_once_and_an_unfinished_one_later() {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::new(folder.path(), std::path::Path::new("home"), 0).unwrap();
        std::fs::create_dir_all(instance.run()).unwrap();
        let mut reader = Reader::begin(&instance);
        assert!(reader.news().is_empty());
        let progress = Progress::begin(&instance).unwrap();
        progress.note("one");
        assert_eq!(reader.news(), [Line::Note { text: "one".to_owned() }]);
        write!(progress.0.lock().unwrap(), "{{\"kind\":").unwrap();
        assert!(reader.news().is_empty());
        writeln!(progress.0.lock().unwrap(), "\"ready\"}}").unwrap();
        assert_eq!(reader.news(), [Line::Ready]);
    }
}
