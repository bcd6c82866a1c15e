//! The durable log: one JSON record a line, written and synced before anybody is told. It decides nothing.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::Context as _;
use tokio::sync::watch;

use crate::domain::entry::Record;

/// More than this is not gathered for one sync.
const BATCH_BYTES: usize = 1 << 20;

/// The log could not be written; whether the record is in it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log can no longer be written")]
pub struct LogFailed;

pub struct Log {
    path: PathBuf,
    lines: Option<mpsc::Sender<Line>>,
    durable: watch::Receiver<u64>,
    writer: Option<JoinHandle<()>>,
}

struct Line {
    sequence: u64,
    text: Vec<u8>,
}

/// Waits for records to become durable; apart from the log, so that nobody holds its lock meanwhile.
#[derive(Clone)]
pub struct Durability(watch::Receiver<u64>);

impl Log {
    /// Opens or makes the log and hands over every record in it; a torn last line is cut off.
    pub fn open(path: &Path, replay: impl FnMut(Record) -> anyhow::Result<()>) -> anyhow::Result<Log> {
        let mut file = open_alone(path)?;
        let (last_sequence, whole_bytes) =
            read_records(&file, replay).with_context(|| format!("log {}", path.display()))?;
        file.set_len(whole_bytes)?;
        file.seek(SeekFrom::Start(whole_bytes))?;
        file.sync_all()?;
        let (lines, queue) = mpsc::channel();
        let (progress, durable) = watch::channel(last_sequence);
        let writer = std::thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || write_batches(file, &queue, &progress))?;
        Ok(Log { path: path.to_owned(), lines: Some(lines), durable, writer: Some(writer) })
    }

    /// Queues a record; [`Durability::reached`] tells when it is safe. Callers queue in order of sequence.
    pub fn append(&self, record: &Record) -> Result<(), LogFailed> {
        let mut text = serde_json::to_vec(record).map_err(|_| LogFailed)?;
        text.push(b'\n');
        let line = Line { sequence: record.sequence, text };
        self.lines.as_ref().ok_or(LogFailed)?.send(line).map_err(|_| LogFailed)
    }

    pub fn durability(&self) -> Durability {
        Durability(self.durable.clone())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Log {
    /// What was queued is written before the log goes.
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the log's writer panicked");
        }
    }
}

impl Durability {
    /// Returns once the record of this sequence, and so every earlier one, is on the disk.
    pub async fn reached(mut self, sequence: u64) -> Result<(), LogFailed> {
        self.0.wait_for(|durable| *durable >= sequence).await.map(drop).map_err(|_| LogFailed)
    }

    /// Returns when the log can no longer be written.
    pub async fn lost(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// The text of all whole lines that are in the log now.
pub fn read_lines(path: &Path) -> std::io::Result<String> {
    let mut bytes = std::fs::read(path)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    bytes.truncate(whole);
    String::from_utf8(bytes).map_err(std::io::Error::other)
}

fn open_alone(path: &Path) -> anyhow::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("folder {}", folder.display()))?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("log {}", path.display()))?;
    file.try_lock().with_context(|| format!("log {} is in use by another process", path.display()))?;
    // The name of a new file is durable only when its folder is.
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// Returns the last sequence, and how many bytes are whole lines.
fn read_records(
    file: &File,
    mut replay: impl FnMut(Record) -> anyhow::Result<()>,
) -> anyhow::Result<(u64, u64)> {
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let (mut last_sequence, mut whole_bytes) = (0, 0);
    for number in 1.. {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        let torn = !line.ends_with(b"\n");
        if torn {
            if length > 0 {
                tracing::warn!(log.line = number, log.bytes = length, "cut off a torn last line");
            }
            break;
        }
        let record: Record = serde_json::from_slice(&line).with_context(|| format!("line {number}"))?;
        last_sequence = record.sequence;
        replay(record).with_context(|| format!("line {number}"))?;
        whole_bytes += u64::try_from(length)?;
    }
    Ok((last_sequence, whole_bytes))
}

/// Writes whatever has queued up meanwhile with one sync. Ends with the log, or when a write fails: after
/// that nobody can know what is on the disk, so nothing more is written and `progress` is closed.
fn write_batches(mut file: File, queue: &mpsc::Receiver<Line>, progress: &watch::Sender<u64>) {
    while let Ok(first) = queue.recv() {
        let Line { mut sequence, text: mut batch } = first;
        while batch.len() < BATCH_BYTES
            && let Ok(next) = queue.try_recv()
        {
            sequence = next.sequence;
            batch.extend_from_slice(&next.text);
        }
        if let Err(error) = file.write_all(&batch).and_then(|()| file.sync_data()) {
            tracing::error!(error = %error, "the log could not be written");
            break;
        }
        progress.send_replace(sequence);
    }
    // Closing would do, were there no child that is being started and still holds the same file.
    if let Err(error) = file.unlock() {
        tracing::warn!(error = %error, "the log stays locked until the process ends");
    }
}
