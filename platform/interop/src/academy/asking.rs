//! Who asks, by the bearer token of a request.
//!
//! Always true: without a file of tokens everyone is the same user, of no name, and the log says so once; with one, only
//! whoever shows a token of it comes in. A file that changes is read again, and one that became wrong changes nothing.
//! Neighbours: [`token_file`](super::token_file) reads the file; every handler asks first.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;

use axum::http::{HeaderMap, header};
use folkmoot::Principal;
use folkmoot::exchange::Asker;

use super::answers::Refused;
use super::error::AcademyError;
use super::token_file::{self, Tokens};

/// The group that everyone is in whom a front door lets in: what is shared with it is for all of them.
pub const EVERYONE: &str = "everyone";

/// The same user, in that group too.
pub(crate) fn among_everyone(asker: Asker) -> Asker {
    match &asker {
        Asker::Container => asker,
        Asker::User { name, groups } => {
            let groups = groups.iter().cloned().chain([EVERYONE.into()]);
            Asker::user(name.clone()).in_groups(groups)
        }
    }
}

/// Who may ask.
#[derive(Debug)]
pub(crate) struct Asking {
    file: Option<TokenFile>,
    anyone: Who,
}

#[derive(Debug)]
struct TokenFile {
    path: PathBuf,
    tokens: RwLock<Read>,
}

/// What was read, and the file's date and length then.
#[derive(Debug)]
struct Read {
    whose: std::collections::HashMap<Box<str>, Who>,
    seen: Option<(SystemTime, u64)>,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) asker: Asker,
    pub(crate) principal: Principal,
}

impl Asking {
    /// Everyone, as the same user.
    pub(crate) fn anyone() -> Asking {
        Asking {
            file: None,
            anyone: Who { asker: among_everyone(Asker::user("")), principal: Principal::anonymous() },
        }
    }

    /// Those whose tokens are in a file.
    ///
    /// # Errors
    /// Why the file cannot be used.
    pub(crate) fn by_file(path: &Path) -> Result<Asking, AcademyError> {
        let read = read(path)?;
        let file = TokenFile { path: path.to_owned(), tokens: RwLock::new(read) };
        Ok(Asking { file: Some(file), ..Asking::anyone() })
    }

    /// Whether everyone is the same user.
    pub(crate) fn is_open(&self) -> bool {
        self.file.is_none()
    }

    /// Who shows the token of these headers.
    pub(crate) fn who(&self, headers: &HeaderMap) -> Result<Who, Refused> {
        let Some(file) = &self.file else { return Ok(self.anyone.clone()) };
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = shown.and_then(|shown| shown.strip_prefix("Bearer ")).ok_or(Refused::NoToken)?;
        // Two spaces or more make it none, as for Academy.
        if token.contains(' ') {
            return Err(Refused::NoToken);
        }
        let tokens = file.tokens.read().unwrap_or_else(PoisonError::into_inner);
        tokens.whose.get(token).cloned().ok_or(Refused::UnknownToken)
    }

    /// Looks whether the file has changed, and reads it again if so.
    pub(crate) fn look_again(&self) {
        let Some(file) = &self.file else { return };
        let before = file.tokens.read().unwrap_or_else(PoisonError::into_inner).seen;
        if stamp(&file.path) == before {
            return;
        }
        let mut tokens = file.tokens.write().unwrap_or_else(PoisonError::into_inner);
        match read(&file.path) {
            Ok(read) => {
                tracing::info!(tokens = read.whose.len(), "the file of tokens was read again");
                *tokens = read;
            }
            Err(error) => {
                tracing::warn!(%error, "the file of tokens has changed and cannot be used; the old tokens stay");
                tokens.seen = stamp(&file.path);
            }
        }
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

fn read(path: &Path) -> Result<Read, AcademyError> {
    let seen = stamp(path);
    let text = std::fs::read_to_string(path)
        .map_err(|source| AcademyError::Read { path: path.to_owned(), source })?;
    let tokens: Tokens =
        token_file::read(&text).map_err(|fault| AcademyError::Tokens { path: path.to_owned(), fault })?;
    let whose = tokens.into_iter().map(|(token, asker)| {
        // Told apart from the nodes that prove themselves by certificates.
        let name = asker.owner_name().map_or("", |name| &**name);
        let principal = Principal::node(format!("academy:{name}"));
        (token, Who { asker: among_everyone(asker), principal })
    });
    Ok(Read { whose: whose.collect(), seen })
}
