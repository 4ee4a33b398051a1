//! Unix sockets: the life of their files, who may connect, who the other end is.
//!
//! Neighbours: `conformance.rs` has bytes and order; `unix_tls.rs` certificates over them.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

#[path = "support/meeting.rs"]
mod meeting;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};

use folkmoot_transports::unix::MAX_PATH_BYTES;
use folkmoot_transports::{AtFault, Endpoint, Listener, Transport, TransportError, UnixTransport};
use tempfile::TempDir;

use meeting::{PATIENCE, Side, accept};

/// A user that is not the tests' own.
const NOBODY: u32 = 65_534;

fn place() -> (TempDir, PathBuf, Endpoint) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hall.sock");
    let endpoint = endpoint(&path);
    (folder, path, endpoint)
}

fn endpoint(path: &Path) -> Endpoint {
    format!("unix://{}", path.display()).parse().unwrap()
}

fn own_user() -> u32 {
    fs::metadata(tempfile::tempdir().unwrap().path()).unwrap().uid()
}

async fn listen(endpoint: &Endpoint) -> Result<Box<dyn Listener>, TransportError> {
    UnixTransport::new().listen(endpoint).await
}

async fn meet(listener: &mut Box<dyn Listener>, expected: Option<&str>) -> (Side, Side) {
    let endpoint = listener.endpoint().clone();
    let dialer = UnixTransport::new();
    let both = async { tokio::join!(accept(listener), dialer.dial(&endpoint, expected)) };
    tokio::time::timeout(PATIENCE, both).await.expect("both sides come to an end")
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_files_are_private_and_go_with_the_listener() {
    let (folder, path, endpoint) = place();
    let listener = listen(&endpoint).await.unwrap();
    assert_eq!(names(&folder), ["hall.sock", "hall.sock.lock"]);
    for name in names(&folder) {
        assert_eq!(fs::metadata(folder.path().join(&name)).unwrap().mode() & 0o777, 0o600, "{name}");
    }
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());
    drop(listener);
    assert!(names(&folder).is_empty(), "{:?}", names(&folder));
}

#[tokio::test]
async fn what_a_dead_listener_left_is_replaced() {
    let (folder, path, endpoint) = place();
    // As a killed process leaves them: a socket that nobody listens at, a lock that nobody holds.
    drop(UnixListener::bind(&path).unwrap());
    fs::write(folder.path().join("hall.sock.lock"), "").unwrap();
    let mut listener = listen(&endpoint).await.unwrap();
    let (accepted, dialed) = meet(&mut listener, None).await;
    assert!(accepted.is_ok() && dialed.is_ok());
}

#[tokio::test]
async fn a_socket_that_somebody_listens_at_is_left_to_them() {
    let (_folder, path, endpoint) = place();
    let ours = listen(&endpoint).await.unwrap();
    let error = listen(&endpoint).await.err().expect("one of our own listens there");
    assert!(error.to_string().contains("it is in use"), "{error}");
    drop(ours);
    // Programs that know nothing of our lock; one of them takes other connections than ours.
    let foreign = UnixListener::bind(&path).unwrap();
    let error = listen(&endpoint).await.err().expect("a foreign process listens there");
    assert!(error.to_string().contains("it is in use"), "{error}");
    assert_eq!(error.at_fault(), AtFault::Us);
    let _dialed = UnixTransport::new().dial(&endpoint, None).await.unwrap();
    drop(foreign);
    fs::remove_file(&path).unwrap();
    let _datagrams = UnixDatagram::bind(&path).unwrap();
    let error = listen(&endpoint).await.err().expect("a socket of another kind is there");
    assert!(error.to_string().contains("it is in use") && path.exists(), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_never_removed() {
    let (folder, path, endpoint) = place();
    let live = folder.path().join("live");
    let _live = UnixListener::bind(&live).unwrap();
    let make: [&dyn Fn(); 3] =
        [&|| fs::write(&path, "precious").unwrap(), &|| fs::create_dir(&path).unwrap(), &|| {
            std::os::unix::fs::symlink(&live, &path).unwrap()
        }];
    for make in make {
        make();
        let error = listen(&endpoint).await.err().expect("the path is taken");
        assert!(matches!(error, TransportError::Listen { .. }), "{error:?}");
        assert!(error.to_string().contains("no socket, which is left as it is"), "{error}");
        let found = fs::symlink_metadata(&path).unwrap();
        if found.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) }.unwrap();
    }
    fs::create_dir(folder.path().join("hall.sock.lock")).unwrap();
    let error = listen(&endpoint).await.err().expect("there can be no lock");
    assert!(error.to_string().contains("hall.sock.lock is no file"), "{error}");
}

#[tokio::test]
async fn a_file_that_took_the_place_of_ours_is_not_removed() {
    let (folder, path, endpoint) = place();
    for foreign_socket in [true, false] {
        let listener = listen(&endpoint).await.unwrap();
        fs::remove_file(&path).unwrap();
        let foreign = foreign_socket.then(|| UnixListener::bind(&path).unwrap());
        if foreign.is_none() {
            fs::write(&path, "precious").unwrap();
        }
        drop(listener);
        assert_eq!(names(&folder), ["hall.sock"]);
        fs::remove_file(&path).unwrap();
    }
    let listener = listen(&endpoint).await.unwrap();
    fs::remove_file(&path).unwrap();
    drop(listener);
    assert!(names(&folder).is_empty());
}

#[test]
fn of_many_who_find_a_dead_socket_at_once_one_gets_it() {
    const RIVALS: usize = 8;
    for _ in 0..20 {
        let (folder, path, endpoint) = place();
        drop(UnixListener::bind(&path).unwrap());
        let gate = Arc::new(Barrier::new(RIVALS));
        let rivals: Vec<_> = (0..RIVALS)
            .map(|_| {
                let (gate, endpoint) = (gate.clone(), endpoint.clone());
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(async {
                        gate.wait();
                        let listener = listen(&endpoint).await;
                        gate.wait();
                        match listener {
                            Ok(mut listener) => {
                                let (accepted, dialed) = meet(&mut listener, None).await;
                                assert!(
                                    accepted.is_ok() && dialed.is_ok(),
                                    "the one who got it is found there"
                                );
                                true
                            }
                            Err(error) => {
                                assert!(error.to_string().contains("it is in use"), "{error}");
                                false
                            }
                        }
                    })
                })
            })
            .collect();
        let winners = rivals.into_iter().map(|rival| rival.join().unwrap()).filter(|won| *won).count();
        assert_eq!(winners, 1);
        assert!(names(&folder).is_empty());
    }
}

#[tokio::test]
async fn a_path_that_no_socket_can_have_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let room = MAX_PATH_BYTES - folder.path().as_os_str().len() - 1;
    let longest = endpoint(&folder.path().join("x".repeat(room)));
    let mut listener = listen(&longest).await.unwrap();
    let (accepted, dialed) = meet(&mut listener, None).await;
    assert!(accepted.is_ok() && dialed.is_ok());
    drop(listener);
    let too_long = endpoint(&folder.path().join("x".repeat(room + 1)));
    let listening = listen(&too_long).await.err().expect("it is too long");
    let dialing = UnixTransport::new().dial(&too_long, None).await.unwrap_err();
    for error in [listening, dialing] {
        assert!(matches!(error, TransportError::PathTooLong { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("{} bytes", MAX_PATH_BYTES + 1)), "{error}");
        assert_eq!(error.at_fault(), AtFault::Us);
    }
    assert!(names(&folder).is_empty());
    let nowhere = endpoint(&folder.path().join("nowhere/hall.sock"));
    assert!(matches!(listen(&nowhere).await.err(), Some(TransportError::Listen { .. })));
}

#[tokio::test]
async fn each_end_is_the_user_that_the_system_names() {
    let (_folder, _, endpoint) = place();
    let mut listener = listen(&endpoint).await.unwrap();
    let own = format!("unix:uid={}", own_user());
    let (accepted, dialed) = meet(&mut listener, Some(&own)).await;
    let (accepted, dialed) = (accepted.unwrap(), dialed.unwrap());
    assert_eq!((accepted.principal.node_name(), dialed.principal.node_name()), (&*own, &*own));
    assert!(accepted.peer_address.starts_with(&own), "{}", accepted.peer_address);
    assert_eq!(dialed.peer_address, endpoint.to_string());

    let other = format!("unix:uid={}", own_user() + 1);
    let error = meet(&mut listener, Some(&other)).await.1.unwrap_err();
    assert!(matches!(error, TransportError::WrongUser { .. }), "{error:?}");
    assert_eq!((error.at_fault(), error.is_transient()), (AtFault::Peer, false));
    assert!(error.to_string().contains(&format!("`{own}`, not `{other}`")), "{error}");
    let error = UnixTransport::new().dial(&endpoint, Some("spiffe://test/node/market")).await.unwrap_err();
    assert!(matches!(error, TransportError::CannotProve { scheme: "unix", .. }), "{error:?}");
}

/// Where [`listens_as_it_is_told`] listens; a program of its own sets it.
const LISTEN: &str = "FOLKMOOT_TEST_LISTENS";

/// Listens until it is killed, and tells by a connection to `PATH.ready` that it does.
#[tokio::test]
async fn listens_as_it_is_told() {
    if let Ok(path) = std::env::var(LISTEN) {
        let _listener = listen(&endpoint(Path::new(&path))).await.unwrap();
        let _told = UnixStream::connect(format!("{path}.ready")).unwrap();
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn a_process_keeps_others_out_until_it_is_killed() {
    let (folder, path, endpoint) = place();
    let ready = tokio::net::UnixListener::bind(folder.path().join("hall.sock.ready")).unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "listens_as_it_is_told"])
        .env(LISTEN, &path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let told = tokio::time::timeout(PATIENCE, ready.accept()).await;
    let in_use = listen(&endpoint).await.err();
    child.kill().unwrap();
    child.wait().unwrap();
    told.expect("the other process listens").unwrap();
    let error = in_use.expect("the other process had it");
    assert!(error.to_string().contains("it is in use"), "{error}");
    assert_eq!(names(&folder), ["hall.sock", "hall.sock.lock", "hall.sock.ready"]);
    let mut listener = listen(&endpoint).await.unwrap();
    let (accepted, dialed) = meet(&mut listener, None).await;
    assert!(accepted.is_ok() && dialed.is_ok());
    drop(listener);
    assert_eq!(names(&folder), ["hall.sock.ready"]);
}

/// Where [`dials_as_it_is_told`] dials; a program of its own sets it.
const DIAL: &str = "FOLKMOOT_TEST_DIALS";

#[test]
fn dials_as_it_is_told() {
    if let Ok(path) = std::env::var(DIAL) {
        UnixStream::connect(path).unwrap();
    }
}

#[tokio::test]
async fn another_user_is_kept_out_until_the_file_is_opened_to_all() {
    let (folder, path, endpoint) = place();
    if own_user() != 0 {
        println!("only root can become another user; the mode of the file is tested elsewhere");
        return;
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // The tests' own program, where everybody may run it.
    let program = folder.path().join("dials");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let dial = || {
        let mut program = std::process::Command::new(&program);
        program.args(["--exact", "dials_as_it_is_told"]).env(DIAL, &path).uid(NOBODY).gid(NOBODY);
        program.current_dir("/").output().unwrap()
    };
    let mut listener = listen(&endpoint).await.unwrap();
    let refused = dial();
    let told = String::from_utf8_lossy(&refused.stdout);
    assert!(!refused.status.success() && told.contains("PermissionDenied"), "{refused:?}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let admitted = dial();
    assert!(admitted.status.success(), "{admitted:?}");
    let accepted = tokio::time::timeout(PATIENCE, accept(&mut listener)).await.expect("it dialed").unwrap();
    assert_eq!(accepted.principal.node_name(), format!("unix:uid={NOBODY}"));
}
