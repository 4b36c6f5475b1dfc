//! Mails: how a token reaches the person it is for. By SMTP, or for local work as files in a folder.

use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf, sync::Arc};

use lettre::{
    Message, SmtpTransport, Transport as _,
    message::{
        Body, Mailbox,
        header::{ContentTransferEncoding, ContentType},
    },
};
use uuid::Uuid;

use crate::settings::SignIn;

/// Why a mail was not handed over.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The address, or something else of it, has no form that a mail can have.
    #[error("the mail cannot be written: {0}")]
    Form(String),
    /// The server does not take it.
    #[error("the mail server: {0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
    /// The folder cannot be written.
    #[error("sign_in.mail_folder: {0}")]
    Folder(#[from] std::io::Error),
}

/// A mail.
#[derive(Debug, Clone)]
pub struct Mail {
    /// To whom.
    pub to: String,
    /// Whose it is: with that account goes what still lies in the folder.
    pub owner: Uuid,
    /// What it is about.
    pub subject: &'static str,
    /// What it says.
    pub text: String,
}

/// Takes mails to where they are sent from.
#[derive(Clone)]
pub struct Mailer {
    from: Mailbox,
    way: Arc<Way>,
}

enum Way {
    Smtp(SmtpTransport),
    Folder(PathBuf),
}

impl Mailer {
    /// As the settings say.
    ///
    /// # Errors
    /// When the sender is no address, or the URL of the server is none.
    pub fn new(settings: &SignIn) -> Result<Self, MailError> {
        let from = settings
            .mail_from
            .parse::<Mailbox>()
            .map_err(|error| MailError::Form(format!("sign_in.mail_from: {error}")))?;
        let way = match &settings.smtp_url {
            None => Way::Folder(settings.mail_folder.clone()),
            Some(url) => {
                let mut url =
                    reqwest::Url::parse(url).map_err(|error| MailError::Form(format!("sign_in.smtp_url: {error}")))?;
                if let Some(password) = &settings.smtp_password {
                    // A URL without a host takes no password; the transport says so itself.
                    let _ = url.set_password(Some(password.expose().trim()));
                }
                Way::Smtp(SmtpTransport::from_url(url.as_str())?.build())
            }
        };
        Ok(Self { from, way: Arc::new(way) })
    }

    /// Hands a mail over.
    ///
    /// # Errors
    /// Why not.
    pub async fn send(&self, mail: Mail) -> Result<(), MailError> {
        let to: Mailbox =
            mail.to.trim().parse::<Mailbox>().map_err(|_| MailError::Form("no such address".to_owned()))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(plain(mail.text))
            .map_err(|error| MailError::Form(error.to_string()))?;
        let way = self.way.clone();
        let handed = tokio::task::spawn_blocking(move || match &*way {
            Way::Smtp(transport) => transport.send(&message).map(drop).map_err(MailError::from),
            Way::Folder(folder) => {
                std::fs::create_dir_all(folder)?;
                // Whoever looks finds whole mails only; names go by time, and say whose the mail is.
                let name = format!("{}-{}", Uuid::now_v7(), mail.owner.simple());
                let (file, part) = (folder.join(format!("{name}.eml")), folder.join(".part"));
                let part = part.with_extension(Uuid::now_v7().to_string());
                std::fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&part)?
                    .write_all(&message.formatted())?;
                Ok(std::fs::rename(part, file)?)
            }
        });
        handed.await.map_err(|error| MailError::Form(error.to_string()))?
    }
}

impl Mailer {
    /// Removes the mails to somebody that still lie in the folder. What went to a server is the recipient's.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn forget(&self, owner: Uuid) -> Result<(), MailError> {
        let Way::Folder(folder) = &*self.way else { return Ok(()) };
        let end = format!("-{}.eml", owner.simple());
        let files = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            files => files?,
        };
        for file in files {
            let file = file?;
            if file.file_name().to_string_lossy().ends_with(&end) {
                std::fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }
}

/// The text as it is where that is possible (RFC 5322, section 2.1.1), so that a link in it stays whole in the file too.
fn plain(text: String) -> Body {
    match text.is_ascii() && text.lines().all(|line| line.len() <= 998) {
        true => Body::dangerous_pre_encoded(text.replace('\n', "\r\n").into_bytes(), ContentTransferEncoding::SevenBit),
        false => Body::new(text),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        net::TcpListener,
        thread::{JoinHandle, spawn},
    };

    use super::*;

    /// A server (RFC 5321) that takes mails to this address alone, and what was said to it by one client.
    fn server(takes: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("smtp://daybook@{}", listener.local_addr().unwrap());
        let said = spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
            let (mut said, mut is_data) = (String::new(), false);
            client.write_all(b"220 mail.example\r\n").unwrap();
            while let Some(Ok(line)) = lines.next() {
                said += &format!("{line}\n");
                let answer = match line.split_whitespace().next().unwrap_or_default() {
                    "." if is_data => "250 taken",
                    _ if is_data => continue,
                    "EHLO" => "250-mail.example\r\n250 AUTH PLAIN",
                    "AUTH" => "235 known",
                    "RCPT" if !line.contains(takes) => "550 nobody of that name",
                    "DATA" => "354 go on",
                    _ => "250 well",
                };
                is_data = answer.starts_with("354");
                client.write_all(format!("{answer}\r\n").as_bytes()).unwrap();
            }
            said
        });
        (url, said)
    }

    #[tokio::test]
    async fn a_server_is_handed_a_mail_and_may_refuse_it() {
        let mail = |to: &str| Mail {
            to: to.to_owned(),
            owner: Uuid::from_u128(7),
            subject: "Your address",
            text: format!("token={}", "dbv_abc".repeat(20)),
        };
        let mailer = |url: String| {
            let password = Some(daybook_platform::Secret::new("pass word\n"));
            Mailer::new(&SignIn { smtp_url: Some(url), smtp_password: password, ..SignIn::default() }).unwrap()
        };
        let (url, said) = server("zoe@example.org");
        mailer(url).send(mail("Zoe <zoe@example.org>")).await.unwrap();
        let said = said.join().unwrap();
        // "daybook" and "pass word", each after a byte of 0 (RFC 4616), in Base64.
        for expected in ["AUTH PLAIN AGRheWJvb2sAcGFzcyB3b3Jk", "RCPT TO:<zoe@example.org>", "Subject: Your address"] {
            assert!(said.contains(expected), "{said}");
        }
        assert!(said.contains(&"dbv_abc".repeat(20)), "a token stays whole: {said}");

        let (url, said) = server("zoe@example.org");
        let refused = mailer(url).send(mail("eve@example.org")).await.unwrap_err();
        assert!(matches!(refused, MailError::Smtp(_)), "{refused}");
        assert!(!said.join().unwrap().contains("dbv_abc"), "what is refused is not told");

        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let refused = mailer(format!("smtp://{gone}")).send(mail("zoe@example.org")).await.unwrap_err();
        assert!(matches!(refused, MailError::Smtp(_)), "{refused}");
    }

    #[tokio::test]
    async fn a_mail_lies_in_the_folder_whole() {
        let folder = tempfile::tempdir().unwrap();
        let settings = SignIn { mail_folder: folder.path().join("mail"), ..SignIn::default() };
        let mailer = Mailer::new(&settings).unwrap();
        let owner = Uuid::from_u128(7);
        let mail = |to: &str| Mail {
            to: to.to_owned(),
            owner,
            subject: "Your address",
            text: format!("token={}", "dbv_abc".repeat(20)),
        };
        mailer.send(mail("zoe@example.org")).await.unwrap();
        assert!(matches!(mailer.send(mail("zoe@example.org\r\nBcc: eve@example.org")).await, Err(MailError::Form(_))));
        let lie = || std::fs::read_dir(&settings.mail_folder).unwrap().collect::<Vec<_>>();
        let files = lie();
        assert_eq!(files.len(), 1);
        let text = std::fs::read_to_string(files[0].as_ref().unwrap().path()).unwrap();
        assert!(text.contains("Subject: Your address") && text.contains(&"dbv_abc".repeat(20)), "{text}");
        mailer.forget(Uuid::from_u128(8)).unwrap();
        assert_eq!(lie().len(), 1, "it is somebody else's");
        mailer.forget(owner).unwrap();
        assert_eq!(lie().len(), 0, "whose it is, is forgotten");
    }
}
