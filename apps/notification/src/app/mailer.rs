//! Sending mail: over SMTP where a server is configured, else into a folder where whoever runs this finds it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use contracts::MailId;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::domain::mail::Mail;

const DEADLINE: Duration = Duration::from_secs(10);
const FOLDER: &str = "folder:";

/// Where mail goes.
#[derive(Clone)]
pub enum Mailer {
    Smtp {
        transport: AsyncSmtpTransport<Tokio1Executor>,
        from: Mailbox,
    },
    /// A file for each mail, readable by nobody else.
    Folder {
        folder: PathBuf,
        from: Mailbox,
    },
    /// For tests.
    Memory(Arc<Mutex<Memory>>),
}

/// What was sent, and whether more is taken.
#[derive(Default)]
pub struct Memory {
    pub sent: Vec<(MailId, Mail)>,
    pub fails: Option<fn() -> SendError>,
}

/// Why a mail was not sent. It says nothing of what stands in it, or of where it goes.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("the mail cannot be sent to this address")]
    Refused,
    #[error("the mail cannot be sent now")]
    Away,
}

impl Mailer {
    /// By the secret `mail`: `url` is `smtp://`, `smtps://` (with user and password) or `folder:`, `from` an address.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn new(url: &SecretString, from: &SecretString) -> anyhow::Result<Mailer> {
        let from: Mailbox =
            from.expose_secret().parse().context("`from` of the secret `mail` is no address")?;
        if let Some(folder) = url.expose_secret().strip_prefix(FOLDER) {
            return Ok(Mailer::Folder { folder: PathBuf::from(folder), from });
        }
        // The error would repeat the password.
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
            .map_err(|_| anyhow::anyhow!("`url` of the secret `mail` is neither of SMTP nor a folder"))?;
        Ok(Mailer::Smtp { transport: builder.timeout(Some(DEADLINE)).build(), from })
    }

    /// # Errors
    /// [`SendError`] says whether trying again makes sense.
    pub async fn send(&self, id: MailId, mail: Mail) -> Result<(), SendError> {
        match self {
            Mailer::Smtp { transport, from } => {
                let sent = transport.send(message(from, mail)?).await;
                sent.map(drop)
                    .map_err(|error| if error.is_permanent() { SendError::Refused } else { SendError::Away })
            }
            Mailer::Folder { folder, from } => {
                let text = message(from, mail)?.formatted();
                write(folder, id, &text).await.map_err(|error| {
                    tracing::warn!(error = %error, "a mail cannot be written into its folder");
                    SendError::Away
                })
            }
            Mailer::Memory(memory) => {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                match memory.fails {
                    Some(fails) => Err(fails()),
                    None => {
                        memory.sent.push((id, mail));
                        Ok(())
                    }
                }
            }
        }
    }
}

fn message(from: &Mailbox, mail: Mail) -> Result<Message, SendError> {
    let to = mail.to.parse().map_err(|_| SendError::Refused)?;
    let host = from.email.domain().to_owned();
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(Some(mail.name).filter(|name| !name.trim().is_empty()), to))
        .subject(mail.subject)
        .header(ContentType::TEXT_PLAIN)
        .message_id(Some(format!("<{}@{host}>", Uuid::now_v7())))
        .body(mail.body)
        .map_err(|_| SendError::Refused)
}

async fn write(folder: &PathBuf, id: MailId, text: &[u8]) -> std::io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(folder.join(format!("{id}.eml"))).await?;
    file.write_all(text).await?;
    file.flush().await
}
