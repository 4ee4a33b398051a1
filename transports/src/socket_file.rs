//! The file of a listening unix socket: how it comes to be, and how it goes.
//!
//! Always:
//! - One listener at a path: whoever listens holds a lock on `PATH.lock` from before it looks at the path until its
//!   own file is gone. The system drops the lock of a process that dies, so nothing has to be cleaned up by hand.
//! - Only what nobody listens at is replaced, and only if it is a socket.
//! - Nobody but the file's user can ever connect: the mode is 0600 before the socket listens. (Linux gives a file
//!   the mode that its socket had when it was bound; elsewhere it is set between `bind` and `listen`, when nobody
//!   can connect yet. The process's umask, which all threads share, is left alone.)
//! - A listener that closes removes its file only if that is still the one it made.
//!
//! Neighbour: [`crate::unix`] listens through [`bind`].

use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

use crate::tcp::LISTEN_BACKLOG_CONNECTIONS;

/// Read and write, for the user alone.
const PRIVATE: u32 = 0o600;
/// How often the lock is tried for when others come and go at the same moment.
const LOCK_ATTEMPTS: usize = 16;

/// Listens at `path`; what a listener that died has left there is replaced.
pub(crate) async fn bind(path: &Path) -> io::Result<(SocketFile, UnixListener)> {
    let lock = Lock::take(path)?;
    clear(path).await?;
    let socket = private_socket()?;
    socket.bind(path)?;
    let file = SocketFile::made(path, lock)?;
    let listener = socket.listen(LISTEN_BACKLOG_CONNECTIONS)?;
    Ok((file, listener))
}

/// A socket whose file will be private from the first moment, where the system can do that.
fn private_socket() -> io::Result<UnixSocket> {
    let socket = UnixSocket::new_stream()?;
    // Not every system takes this; `SocketFile::made` looks at what came of it.
    let _ = File::from(socket.as_fd().try_clone_to_owned()?).set_permissions(private());
    Ok(socket)
}

fn private() -> Permissions {
    Permissions::from_mode(PRIVATE)
}

/// Makes room at `path`: removes a socket that nobody listens at, and nothing else.
async fn clear(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        let words = "there is something that is no socket, which is left as it is";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, words));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let words = "there is another user's socket, which is left as it is";
            return Err(io::Error::new(error.kind(), words));
        }
        // Also where its queue is full, or it is a socket of another kind: somebody is there.
        _ => return Err(in_use()),
    }
    // What is there now may be another's, who knows nothing of our lock.
    match fs::symlink_metadata(path) {
        Ok(now) if identity(&now) != identity(&found) => Err(in_use()),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn in_use() -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, "it is in use: another container or process listens there")
}

/// What tells one file from another: its device, and its number there.
fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// The file of a listener of this process, removed when this is dropped.
///
/// Drop it before the socket is closed: an open socket keeps its file's number from being given to a new file.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
    /// Dropped last.
    _lock: Lock,
}

impl SocketFile {
    /// The file that was just made at `path`, with its mode as it has to be.
    fn made(path: &Path, lock: Lock) -> io::Result<SocketFile> {
        let metadata = fs::symlink_metadata(path)?;
        let file = SocketFile { path: path.to_owned(), identity: identity(&metadata), _lock: lock };
        if metadata.mode() & 0o777 != PRIVATE {
            fs::set_permissions(path, private())?;
        }
        Ok(file)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        remove_if(&self.path, self.identity);
    }
}

/// Removes the file at `path` if it is the one that is meant. Best effort: what stays is found to be dead next time.
fn remove_if(path: &Path, meant: (u64, u64)) {
    if fs::symlink_metadata(path).is_ok_and(|found| identity(&found) == meant) {
        let _ = fs::remove_file(path);
    }
}

/// The right to a path, kept by a lock on a file beside it.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    identity: (u64, u64),
    /// Holds the lock until it is closed, after the file is gone.
    _file: File,
}

impl Lock {
    fn take(socket: &Path) -> io::Result<Lock> {
        let mut path = socket.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        for _ in 0..LOCK_ATTEMPTS {
            if let Some(file) = open_lock(&path)?
                && let Some(lock) = Lock::on(&path, file)?
            {
                return Ok(lock);
            }
        }
        Err(in_use())
    }

    /// Locks what was opened at `path`; nothing if its last holder has removed it since: a lock on no file of
    /// that name keeps nobody out.
    fn on(path: &Path, file: File) -> io::Result<Option<Lock>> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let identity = identity(&file.metadata()?);
        let is_there = fs::symlink_metadata(path).is_ok_and(|found| self::identity(&found) == identity);
        Ok(is_there.then(|| Lock { path: path.to_owned(), identity, _file: file }))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        remove_if(&self.path, self.identity);
    }
}

/// Opens the file of a lock, made where there is none; nothing if it went away meanwhile.
fn open_lock(path: &Path) -> io::Result<Option<File>> {
    match OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path) {
        Ok(file) => return Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let gone = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(None),
        _ => Err(error),
    };
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            let words = format!("{} is no file, so it cannot be locked", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, words));
        }
        Ok(_) => {}
        Err(error) => return gone(error),
    }
    match OpenOptions::new().write(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) => gone(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_file_is_private_from_the_first_moment() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| fs::symlink_metadata(folder.path().join(name)).unwrap().mode() & 0o777;
        UnixSocket::new_stream().unwrap().bind(folder.path().join("usual")).unwrap();
        private_socket().unwrap().bind(folder.path().join("private")).unwrap();
        assert_ne!(mode("usual"), PRIVATE, "this process's umask hides what is tested");
        assert_eq!(mode("private"), PRIVATE);
    }

    #[test]
    fn a_mode_that_came_out_otherwise_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        let file = SocketFile::made(&path, Lock::take(&path).unwrap()).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().mode() & 0o777, PRIVATE);
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the file and the lock are gone");
    }

    #[test]
    fn a_lock_that_its_holder_removed_after_we_opened_it_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket.lock");
        let before = open_lock(&path).unwrap().unwrap();
        fs::remove_file(&path).unwrap();
        assert!(Lock::on(&path, before).unwrap().is_none());
        let before = open_lock(&path).unwrap().unwrap();
        fs::remove_file(&path).unwrap();
        let now = open_lock(&path).unwrap().unwrap();
        assert!(Lock::on(&path, before).unwrap().is_none());
        assert!(Lock::on(&path, now).unwrap().is_some());
    }

    #[test]
    fn a_lock_whose_file_was_removed_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let first = Lock::take(&path).unwrap();
        assert_eq!(Lock::take(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        fs::remove_file(&first.path).unwrap();
        let second = Lock::take(&path).unwrap();
        drop(first);
        assert!(second.path.exists(), "the first removes nothing that is the second's");
    }
}
